/** docs/coverage.md is what its claims, the pack and the kept campaign make it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { coverageText } from '../src/lab/coverage/coverage.ts';
import { readEvidence } from '../src/lab/coverage/evidence.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

it('docs/coverage.md is up to date; else: npm run coverage', () => {
  const evidence = readEvidence(ROOT);
  expect(coverageText(read('docs/coverage.in.md'), evidence)).toBe(read('docs/coverage.md'));
});

it('the kept campaign made a million calls of all profiles, and none disagreed', () => {
  const { figures } = readEvidence(ROOT);
  expect(Number(figures['calls']?.replaceAll(',', ''))).toBeGreaterThanOrEqual(1_000_000);
  expect(figures).toMatchObject({ disagreed: '0', profiles: '13' });
});
