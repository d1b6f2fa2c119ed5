/** What threads say to the checker beside their accesses. */
import { access, activeExecutor } from './active.ts';
import { Violation } from './failure.ts';
import { CHOICE, CHOICE_ALLOC, CHOICE_ANY, NO_WORD, PUBLISHED_LOAD, SPIN } from './kind.ts';
import { bare, type IntegerView, asElement, kindAt, placeOf, wordOf } from './place.ts';

/** Demands that something holds, now. */
export function check(holds: boolean, message: string): asserts holds {
  if (!holds) violate(message);
}

/** Ends the execution: something is wrong. */
export function violate(message: string): never {
  const executor = activeExecutor();
  if (executor === null) throw new Violation(message);
  return executor.violate(message);
}

/** @returns a whole number below `count`; each is explored. */
export function choice(count: number): number {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`choice(${count}): give a whole number of alternatives, at least 1.`);
  }
  return access(CHOICE, NO_WORD, count, CHOICE_ANY);
}

/** @returns whether an allocation succeeds; that it fails is explored, too. */
export const alloc = (): boolean => access(CHOICE, NO_WORD, 2, CHOICE_ALLOC) === 0;

/** A plain load of what another thread publishes by an atomic store, as rcu_dereference(). */
export function loadPublished(view: IntegerView, index: number): number {
  const place = placeOf(view);
  if (place === null) return bare(view)[index] ?? 0;
  const kind = kindAt(PUBLISHED_LOAD, place, index);
  return asElement(place, access(kind, wordOf(place, index), 0, 0));
}

/**
 * Spins while the element holds `value`: in an exploration, the thread rests until it does not.
 *
 * @returns what it holds then.
 */
export function spinWhile(view: Int32Array, index: number, value: number): number {
  const place = placeOf(view);
  if (place === null) {
    while (globalThis.Atomics.load(bare(view), index) === value);
    return globalThis.Atomics.load(bare(view), index);
  }
  return access(SPIN, wordOf(place, index), value, 0);
}
