/**
 * What a worker keeps outside the shared memory from one call to the next: caches it never believes
 * without a check, and what it is in the middle of. No other worker could disagree about it.
 *
 * A model checker runs several workers in one thread, and gives each its own.
 */
const states: object[] = [];

/** Registers an object whose fields, or elements, are this worker's own. @returns it. */
export function keepWorkerState<State extends object>(state: State): State {
  states.push(state);
  return state;
}

export const workerStates = (): readonly object[] => states;
