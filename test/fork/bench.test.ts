/** The benchmark of failing forks shows what it is to show. Times are not tested. */
import { execFileSync } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Shown {
  readonly results: { key: string; engine: { p10: number; median: number } }[];
  readonly recoveries: { key: string; stores: number; frees: number }[];
}

it('S3-30 shows what a recovery costs, in both generations: time, stores and frees', () => {
  const bench = fileURLToPath(new URL('../../bench/fork.mjs', import.meta.url));
  const args = [bench, '--json', '--alone', '--rounds', '2'];
  const { results, recoveries } = JSON.parse(
    execFileSync(execPath, args, { encoding: 'utf8' }),
  ) as Shown;
  const places = [0, 500, 999];
  expect(recoveries).toEqual(
    places.flatMap((frees) => [
      { key: `fail ${frees} tree-limit`, stores: 0, frees },
      { key: `fail ${frees} xa-zero`, stores: 1, frees }, // the mark
    ]),
  );
  for (const { key } of recoveries) {
    const { engine } = results.find((each) => each.key === key) ?? {};
    expect(engine?.p10, key).toBeGreaterThan(0);
    expect(engine?.median).toBeGreaterThanOrEqual(engine?.p10 ?? NaN);
  }
});
