/**
 * The stress run, for some seconds: test/stress/README.md tells of one of minutes.
 *
 *     SEED=n npx vitest run test/stress/stress.test.ts
 */
import { execFileSync } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SEED, stressed } from './stressed.ts';

/** Every generation with every form of replacing and of reading, and two that wrap. */
const FORMS = 4 * 2 * 3 + 2;

it(`P2-5 X-8 from SEED=${SEED}: storms in every generation leave all as it should be`, async () => {
  const { findings, summary } = await stressed(['--seconds', '5', '--workers', '2']);
  expect(findings).toEqual([]);
  expect(summary['forms']).toBe(FORMS);
  const met = ['aborts', 'retries', 'waits'].map((name) => [name, (summary[name] ?? 0) > 0]);
  expect(met).toEqual([
    ['aborts', true],
    ['retries', true],
    ['waits', true],
  ]);
  for (const name of ['forks', 'exits', 'filled']) expect(summary[name], name).toBeGreaterThan(0);
});

it(`P2-6 from SEED=${SEED}: workers that end in the middle of it are buried`, async () => {
  const args = ['--seconds', '2', '--workers', '2', '--bury', '--form', 'gather,per-vma'];
  const { findings, summary } = await stressed(args);
  expect(findings).toEqual([]);
  expect(summary['buried']).toBeGreaterThan(0);
});

it.each([
  [['--seconds', '0'], '--seconds takes a whole number from 1 to 86400.'],
  [['--workers', '63'], '--workers takes a whole number from 2 to 62.'],
  [['--form', 'spinlock'], '--form takes values of'],
  [['--theme', 'calm'], '--theme is one of faults,'],
  [['--minutes', '5'], "Unknown option '--minutes'"],
])('%j is wrong use', (args, sentence) => {
  const program = fileURLToPath(new URL('./stress.mjs', import.meta.url));
  let said = { status: 0, stderr: '' };
  try {
    execFileSync(execPath, [program, ...args], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    said = error as typeof said;
  }
  expect(said.status).toBe(2);
  expect(said.stderr).toContain(sentence);
});
