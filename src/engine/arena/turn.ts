/**
 * The turns of a thread that may not sleep. It makes calls only while it is alone at the machine,
 * so that there is nobody to wait for; who attaches meanwhile waits until its turn is over.
 *
 *   page     H_TURN = its number ─> has nobody else a place? ─> calls ... ─> H_TURN = 0, wake
 *   worker   takes a place ─> is H_TURN 0? ─> calls ...
 *                             └─> no: sleeps until it is
 *
 * In the one order of all atomics either the page sees the place, and makes no call; or the worker
 * sees the turn, and waits.
 */
import * as atomics from '#atomics';
import { isAlone } from './cpu.ts';
import { H_TURN } from './layout.ts';
import { maySleep } from './sleep.ts';

const NOBODY = 0;

/** @returns whether `worker` is alone, and stays so until endTurn(). */
export function takeTurn(worker: number): boolean {
  const isOurs = atomics.cas(H_TURN, NOBODY, worker) || atomics.load(H_TURN) === worker;
  if (isOurs && isAlone()) return true;
  endTurn(worker);
  return false;
}

/** Lets in who has attached meanwhile. Nothing happens when it is not this worker's turn. */
export function endTurn(worker: number): void {
  if (atomics.cas(H_TURN, worker, NOBODY)) atomics.wakeAll(H_TURN);
}

/** Waits until it is nobody's turn. @returns false when it would have to, and may not. */
export function awaitTurn(): boolean {
  // Ends: a turn is over with the task of the event loop that it began in.
  for (let owner = atomics.load(H_TURN); owner !== NOBODY; owner = atomics.load(H_TURN)) {
    if (!maySleep) return false;
    atomics.wait(H_TURN, owner);
  }
  return true;
}
