/**
 * The stress run in the checked build: each access asks the shadow memory, each lock its rank.
 *
 *     SEED=n npx vitest run -c vitest.checked.config.ts test/checked/stress.test.ts
 */
import { expect, it } from 'vitest';
import { SEED, stressed } from '../stress/stressed.ts';

it(`P2-18 X-5 from SEED=${SEED}: storms use nothing after it is freed, and keep the order of locks`, async () => {
  const args = ['--seconds', '6', '--workers', '2', '--form', 'gather,per-vma'];
  const { findings, summary } = await stressed(args, ['--conditions=checked']);
  expect(findings).toEqual([]);
  expect(summary['operations']).toBeGreaterThan(0);
});
