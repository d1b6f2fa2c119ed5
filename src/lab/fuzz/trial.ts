/** One program, run by the live kernel and then by the engine. */
import { conform, type ConformFinding } from '../conform/conform.ts';
import { parseVector, type Vector } from '../conform/vector.ts';
import type { Step } from '../oracle/programs.ts';
import { record, type Source, type Title } from '../oracle/recorder.ts';
import { Reach } from './reach.ts';

export interface Trial {
  readonly title: Title;
  /** What the kernel did, as the lines of a vector. */
  readonly lines: readonly string[];
  readonly steps: readonly Step[];
  /** System calls made, the touches of pages left out. */
  readonly calls: number;
  /** What the engine did otherwise first, if it did. */
  readonly finding: ConformFinding | undefined;
  readonly reached: ReadonlyMap<string, number>;
}

/** @throws LostRecording when the kernel's side did not get to its end. */
export function runTrial(title: Title, source: Source): Trial {
  return compare(title, record(title, source));
}

/** What the engine makes of lines that were recorded. @throws VectorError for what is no vector. */
export function compare(title: Title, lines: readonly string[]): Trial {
  const vector = parseVector(lines.join('\n'));
  const reach = new Reach();
  const { findings } = conform(vector, (seen) => reach.see(seen));
  return {
    title,
    lines,
    steps: stepsOf(vector),
    calls: vector.records.filter(({ op }) => isCall(op)).length,
    finding: findings[0],
    reached: reach.features,
  };
}

const stepsOf = ({ records }: Vector): Step[] =>
  records.map(({ p, op }) => ({ process: p, operation: op }));

/** What is done without a system call. */
const TOUCHES = new Set(['st', 'ld', 'sweep', 'maps', 'totals']);

const isCall = (operation: string): boolean => !TOUCHES.has(operation.split(' ')[0] ?? '');
