/** What can be wrong with an execution. */
export type FailureKind =
  /** What the scenario demands does not hold. */
  | 'violation'
  /** A thread threw an error of its own. */
  | 'error'
  /** Threads sleep, and nobody is left to wake them. */
  | 'deadlock'
  /** Plain accesses of two threads that nothing orders. */
  | 'race'
  /** More steps than an execution may have. */
  | 'endless'
  /** A thread that was run again did something else. */
  | 'nondeterminism'
  /** A word was changed by a store that the executor was not told of. */
  | 'unseen'
  /** A catch of the code under test kept what the executor threw. */
  | 'swallowed';

export interface Failure {
  readonly kind: FailureKind;
  /** A sentence. */
  readonly message: string;
  /** The thread that it happened in, or -1. */
  readonly thread: number;
  /** The word it is about, or -1. */
  readonly at: number;
}

class Unwind extends Error {
  override readonly name = 'Unwind';
}

/** Thrown through a thread to leave it: it is run again later. */
export const UNWIND = new Unwind('the checker leaves this thread for now: throw this on');
// Made once, and without a stack, which V8 would look at whenever it is thrown.
Reflect.deleteProperty(UNWIND, 'stack');

/** What a scenario demands does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
