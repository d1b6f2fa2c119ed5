/** Arguments at random, limits for them, and first lines of scripts. */
import type { Random } from '../../src/lab/oracle/random.ts';

/** Sizes around what is allowed. */
export function randomStrings(random: Random): string[] {
  const count = random.pick([0, 1, 2, 3, 10, 200, 3000]);
  const longest = random.pick([0, 1, 10, 100, 4096, 131_071, 131_072, 60_000]);
  const most = Math.min(count, Math.ceil(3_000_000 / (longest + 1)));
  return Array.from({ length: most }, () =>
    'x'.repeat(random.chance(0.5) ? longest : random.below(longest + 1)),
  );
}

/** Bytes. */
export const stackLimit = (random: Random): number =>
  random.chance(0.3)
    ? random.pick([0, 4096, 65_536, 131_072, 135_168, 139_264, 262_144])
    : random.below(2 ** (12 + random.below(12)));

/** A file that may begin with a `#!` line; `paths` may be named there. */
export function scriptText(random: Random, paths: readonly string[]): string {
  const blanks = (): string =>
    random.pick(['', '', ' ', '\t', '  \t ', ' '.repeat(random.below(260))]);
  const argument = random.pick([
    '',
    '-x',
    '-a b',
    'two  words',
    'nul\0inside',
    '\u00ff',
    'x'.repeat(random.below(300)),
  ]);
  const path = random.chance(0.1) ? '' : random.pick(paths);
  const end = random.pick(['\n', '\n', '', '\r\n', '\0', '\n\n#!x', 'y'.repeat(300)]);
  const magic = random.chance(0.95) ? '#!' : random.pick(['# !', '!#', '#', ' #!']);
  return `${magic}${blanks()}${path}${blanks()}${argument}${blanks()}${end}`;
}
