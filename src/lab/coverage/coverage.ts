/**
 * docs/coverage.md: what is claimed of each call, and how often the claim met the live kernel.
 *
 *   docs/coverage.in.md     | form | state | note | `pattern` ... |     written by people
 *   conformance/*.jsonl  ─┐
 *   docs/reached.json    ─┴> features, and how often each was reached
 *   docs/coverage.md        | form | state | note | pack 12, fuzz 35,201: EINVAL ok |
 *
 * A pattern is a regular expression for the beginning of a feature (lab/fuzz/reach.ts), without
 * "errno: ", or the path of tests that ask the kernel in another way.
 */
import { type Counts, featuresLike } from './features.ts';

export interface Evidence {
  /** Feature to how often: in the scenarios of the pack, in the programs of the fuzzer. */
  readonly pack: Counts;
  readonly fuzz: Counts;
  /** What {{name}} in the template stands for. */
  readonly figures: Readonly<Record<string, string>>;
  /** True for a path of the repository. */
  exists(path: string): boolean;
}

/** A claim that nothing stands behind, or that names what is not there. */
export class CoverageError extends Error {}

const LAST_TITLE = 'met by';
const PATTERNS_AT = 3;
const CLAIMED = 'as the kernel';

/** @throws CoverageError with the line. */
export function coverageText(template: string, evidence: Evidence): string {
  const lines = template.split('\n').map((line, i) => {
    if (!line.startsWith('| ')) return filledIn(line, evidence, `line ${i + 1}`);
    const cells = cellsOf(line);
    if (cells.length <= PATTERNS_AT || cells.at(-1) === LAST_TITLE) return line;
    return rowOf(cells.with(PATTERNS_AT, met(cells, evidence, `line ${i + 1}`)));
  });
  return lines.join('\n');
}

function filledIn(line: string, { figures }: Evidence, place: string): string {
  return line.replaceAll(/\{\{(\w+)\}\}/gu, (_, name: string) => {
    const figure = figures[name];
    if (figure === undefined) throw new CoverageError(`${place}: there is no figure "${name}"`);
    return figure;
  });
}

const cellsOf = (line: string): string[] =>
  line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim());

const rowOf = (cells: readonly string[]): string =>
  `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;

function met(cells: readonly string[], evidence: Evidence, place: string): string {
  const [form = '', state = '', , last = ''] = cells;
  const words = [...last.matchAll(/`([^`]+)`/gu)].map(([, word = '']) => word);
  const tests = words.filter((word) => isPath(word));
  const missing = tests.find((path) => !evidence.exists(path));
  if (missing !== undefined) throw new CoverageError(`${place}: there is no ${missing}`);
  const patterns = words.filter((word) => !isPath(word));
  const reached = patterns.length === 0 ? [] : [reachedText(patterns, evidence, place)];
  const links = tests.map((path) => `[${path}](../${path})`);
  if (state === CLAIMED && words.length === 0) {
    throw new CoverageError(`${place}: nothing stands behind "${form}"`);
  }
  return [...reached, ...links].join('; ');
}

const isPath = (word: string): boolean => /^(?:test|src)\//u.test(word);

function reachedText(patterns: readonly string[], evidence: Evidence, place: string): string {
  for (const pattern of patterns) {
    const { times } = featuresLike({ ...evidence.pack, ...evidence.fuzz }, [pattern]);
    if (times > 0) continue;
    throw new CoverageError(`${place}: neither the pack nor the fuzzer met "${pattern}"`);
  }
  const [pack, fuzz] = [evidence.pack, evidence.fuzz].map((all) => featuresLike(all, patterns));
  const counts = `pack ${count(pack?.times)}, fuzz ${count(fuzz?.times)}`;
  const outcomes = new Set([...(pack?.outcomes ?? []), ...(fuzz?.outcomes ?? [])]);
  return outcomes.size === 0 ? counts : `${counts}: ${[...outcomes].toSorted().join(' ')}`;
}

const count = (n = 0): string => n.toLocaleString('en-US');
