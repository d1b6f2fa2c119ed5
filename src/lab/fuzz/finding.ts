/** A disagreement made small: the vector that shows it, and how to see it again. */
import type { ConformFinding } from '../conform/conform.ts';
import type { Step } from '../oracle/programs.ts';
import type { LostRecording, Title } from '../oracle/recorder.ts';
import { parseScript, safeSource } from '../oracle/script.ts';
import { shrink } from './shrink.ts';
import { runTrial, type Trial } from './trial.ts';

export interface Finding extends Omit<ConformFinding, 'line' | 'kind'> {
  /** 'lost': the process of the kernel died or hung; then nothing was compared. */
  readonly kind: ConformFinding['kind'] | 'lost';
  readonly profile: string;
  readonly seed: number;
  /** False when the same program agreed later: then the kernel itself did now this, now that. */
  readonly isStable: boolean;
  /** The vector, of the smallest program where it is stable. */
  readonly lines: readonly string[];
  /** The operations, a line each. */
  readonly program: readonly string[];
  /** The name of a file for the vector. */
  readonly file: string;
}

/** Kernel time for making a program small: some hundred tries take seconds. */
const TRIES = 600;
/** What does not happen again in so many tries is not stable. */
const AGAIN = 3;

/** The records of a vector begin behind its header and its base. */
const FIRST_LINE = 3;

export function findingOf(trial: Trial, found: ConformFinding): Finding {
  const steps = trial.steps.slice(0, found.line - FIRST_LINE + 1);
  const isSame = (other: ConformFinding | undefined): boolean =>
    other?.kind === found.kind && nameOf(other.op) === nameOf(found.op);
  const fails = (fewer: readonly Step[]): boolean => isSame(again(trial.title, fewer).finding);
  const isStable = Array.from({ length: AGAIN }).some(() => fails(steps));
  if (!isStable) return describe(trial, found, false);
  const smallest = again(trial.title, shrink(steps, fails, { tries: TRIES }));
  // The last look may be the one that agrees: then the whole program is what is shown.
  if (smallest.finding === undefined) return describe(trial, found, false);
  return describe(smallest, smallest.finding, true);
}

/** The program is kept as it was: each try to make it smaller might lose another process. */
export function lostFinding(title: Title, { message, lines }: LostRecording): Finding {
  const { steps } = parseScript(lines.join('\n'));
  const op = steps.at(-1)?.operation ?? '';
  const found = { kind: 'lost', op, kernel: message, engine: '', line: lines.length } as const;
  return describe({ title, lines, steps }, found, false);
}

function again(title: Title, steps: readonly Step[]): Trial {
  return runTrial({ ...title, ops: steps.length }, safeSource({ steps }));
}

const nameOf = (operation: string): string => operation.split(' ')[0] ?? '';

function describe(
  { title, lines, steps }: Pick<Trial, 'title' | 'lines' | 'steps'>,
  found: Omit<ConformFinding, 'kind'> & Pick<Finding, 'kind'>,
  isStable: boolean,
) {
  const { kind, op, kernel, engine } = found;
  const { profile, seed } = title;
  const program = steps.map(({ process, operation }) => `${process}: ${operation}`);
  const file = `${profile}-${seed}.jsonl`;
  return {
    kind,
    op,
    kernel,
    engine,
    profile,
    seed,
    isStable,
    lines,
    program,
    file,
  } satisfies Finding;
}
