/**
 * One call, made again and again from the same state, each time with another allocation that fails:
 *
 *   once          . . x . .   the n-th fails, and memory is there again
 *   for ever      . . x x x   from the n-th on, until everything has been taken down
 *   then again    . . x | .   as once; then the call is made a second time, as if for the first
 *   fork step     a step of fork that never fails by itself: Machine.failFork()
 *
 * until the call meets none that fails.
 */
import { EINTR, FORK_STEPS, type ForkStep } from '../../index.ts';
import { lookAt } from './look.ts';
import {
  leavesNothing,
  type Outcome,
  outcomeOf,
  secondOutcome,
  type Trial,
  unknown,
} from './outcome.ts';
import { siteOf } from './site.ts';
import type { Mark, Stage } from './stage.ts';
import { perform, type Step } from './step.ts';

export const MODES = ['once', 'for ever', 'then again', 'fork step'] as const;
export type Mode = (typeof MODES)[number];

/** What became of the call when one allocation failed. */
export interface Attempt {
  readonly mode: Mode;
  /** Which allocation of the call, or for a step of fork which VMA: from 1. */
  readonly nth: number;
  /** Who asked for the memory that was not there. */
  readonly site: string;
  readonly outcome: Outcome;
}

/** Makes `step` with each of its allocations failing; in the end it was not made at all. */
export function tryAll(stage: Stage, step: Step): Attempt[] {
  const mark = stage.mark();
  const trial = prepare(stage, mark, step);
  if (typeof trial === 'string') {
    return [{ mode: 'once', nth: 0, site: 'nothing fails', outcome: unknown(trial) }];
  }
  const attempts: Attempt[] = [];
  const run: Run = { stage, mark, trial };
  // Ends: each time one more allocation succeeds, and the call ends when all do.
  for (let nth = 1; ; nth++) {
    const once = attempt(run, 'once', nth);
    if (once === null) break;
    attempts.push(once, must(attempt(run, 'for ever', nth)));
    if (leavesNothing(once.outcome)) attempts.push(must(attempt(run, 'then again', nth)));
  }
  if (step.name === 'fork') for (const each of FORK_STEPS) attempts.push(...failStep(run, each));
  stage.rewind(mark);
  return attempts;
}

interface Run {
  readonly stage: Stage;
  /** Before the call. */
  readonly mark: Mark;
  readonly trial: Trial;
}

/** What is there before the call, and after it when nothing fails; or what is wrong already. */
function prepare(stage: Stage, mark: Mark, step: Step): Trial | string {
  try {
    const before = lookAt(stage);
    stage.rewind(mark);
    const cleanResult = perform(stage, step);
    verifyAll(stage);
    const clean = lookAt(stage);
    const left = stage.end();
    stage.rewind(mark);
    if (left.length > 0) return `nothing failed, and in the end there are ${left.join(', ')}`;
    const [space, protocol] = [stage.spaceOf(step.process), stage.machine.protocol()];
    return { step, space, protocol, before, clean, cleanResult };
  } catch (error) {
    stage.rewind(mark);
    return `nothing failed, and ${sentenceOf(error)}`;
  }
}

/** @returns null when the call meets no failure: it allocates less than that. */
function attempt(run: Run, mode: Mode, nth: number): Attempt | null {
  const { stage, mark, trial } = run;
  const { machine } = stage;
  const refused: string[] = [];
  const count = mode === 'for ever' ? Infinity : 1;
  stage.rewind(mark);
  machine.witnessFailures((cache, place) => refused.push(siteOf(cache, place)));
  machine.failAllocations({ after: nth - 1, count });
  const outcome = outcomeBy(() => {
    const result = perform(stage, trial.step);
    machine.failAllocations({ count: 0 });
    machine.witnessFailures(null);
    verifyAll(stage);
    if (mode === 'then again') return endWith(stage, makeAgain(run));
    const left = outcomeOf(trial, result, { now: lookAt(stage) });
    // To take everything down needs no memory.
    if (mode === 'for ever') machine.failAllocations({ count });
    return endWith(stage, left);
  });
  machine.witnessFailures(null);
  const [site] = refused;
  return site === undefined ? null : { mode, nth, site, outcome };
}

/** The outcome of something that must not throw. */
function outcomeBy<Found extends Outcome | null>(act: () => Found): Found | Outcome {
  try {
    return act();
  } catch (error) {
    return unknown(sentenceOf(error));
  }
}

function makeAgain({ stage, trial }: Run): Outcome {
  const result = perform(stage, trial.step);
  verifyAll(stage);
  return secondOutcome(trial, result, lookAt(stage));
}

/** Lets `step` fail for the first VMA, the second, and so on. */
function failStep({ stage, mark, trial }: Run, step: ForkStep): Attempt[] {
  const attempts: Attempt[] = [];
  // A fork takes one lock, however many VMAs there are.
  const most = step === 'lock' ? 1 : trial.before.starts.size + 1;
  for (let nth = 1; nth <= most; nth++) {
    stage.rewind(mark);
    stage.machine.failFork(step, nth - 1);
    const outcome = outcomeBy(() => {
      const result = perform(stage, trial.step);
      if (result === trial.cleanResult) return null;
      stage.machine.failFork(null);
      verifyAll(stage);
      const left = outcomeOf(trial, result, { now: lookAt(stage), errnos: [EINTR] });
      return endWith(stage, left);
    });
    if (outcome === null) break;
    attempts.push({ mode: 'fork step', nth, site: `fork: the step “${step}”`, outcome });
  }
  return attempts;
}

function verifyAll(stage: Stage): void {
  for (const process of stage.spaces().values()) process.verify();
  const [warning] = stage.machine.report().warnings;
  if (warning !== undefined) throw new Error(warning);
}

/** Takes everything down. @returns the outcome, if nothing is left. */
function endWith(stage: Stage, outcome: Outcome): Outcome {
  const left = stage.end();
  if (left.length === 0 || outcome.name === 'unknown') return outcome;
  return unknown(`in the end there are ${left.join(', ')}`);
}

/** From the same state the same call meets the same failure. */
function must(found: Attempt | null): Attempt {
  return (
    found ?? {
      mode: 'once',
      nth: 0,
      site: 'no allocation',
      outcome: unknown('the same call from the same state makes fewer allocations'),
    }
  );
}

const sentenceOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
