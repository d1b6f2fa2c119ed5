import { describe, expect, it } from 'vitest';
import type { Area, PageMap } from './page_map.ts';
import { type Call, callText, randomProgram, runProgram, shrinkProgram } from './program.ts';

const LENGTH = 60;
const RUNS = Number(process.env['RUNS'] ?? 340);
const SEED = Number(process.env['SEED'] ?? 1);

function reportOf(seed: number, calls: readonly Call[]): string {
  const small = shrinkProgram(calls);
  const difference = runProgram(small);
  return [
    `${difference?.what ?? 'it differs no longer'}; the shortest program that shows it:`,
    ...small.map((call) => `  ${callText(call)}`),
    `repeat it: SEED=${seed} RUNS=1 npx vitest run test/differential/page_map.test.ts`,
  ].join('\n');
}

describe('X-19 a naive page map', () => {
  it(`X-19 agrees with the engine after each of ${RUNS * LENGTH} calls, from seed ${SEED}`, () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const calls = randomProgram(seed, LENGTH);
      if (runProgram(calls) !== null) expect.fail(reportOf(seed, calls));
    }
  });

  const spoils: readonly [what: string, spoil: (area: Area) => void][] = [
    ['a flag', (area) => (area.flags = area.flags.replace('mw ', ''))],
    ['an offset', (area) => (area.slide += 1)],
    ['an anon_vma', (area) => (area.anon += 7)],
  ];

  it.each(spoils)('X-19 the canary: sees %s that differs', (_what, spoil) => {
    const calls: Call[] = [{ name: 'mmap', args: [0, 4096, 3, 0x22, -1, 0] }];
    expect(runProgram(calls)).toBe(null);
    const seen = runProgram(calls, ({ pages }) => pages.forEach((area) => spoil(area)));
    expect(seen).toMatchObject({ call: 0 });
  });

  it('X-19 the canary: sees a boundary that differs', () => {
    const calls: Call[] = [{ name: 'mmap', args: [0, 8192, 3, 0x22, -1, 0] }];
    const cut = ({ pages }: PageMap): void => {
      const [page, area] = [...pages][0] ?? [];
      if (page !== undefined && area !== undefined) pages.set(page, { ...area });
    };
    expect(runProgram(calls, cut)?.what).toContain('is in another VMA');
  });
});
