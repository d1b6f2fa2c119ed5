/**
 * The Atomics of a thread under test, with the signatures of the standard's. Where nothing is being
 * explored they are the standard's: code that imports them also runs without the checker.
 */
import { access } from './active.ts';
import {
  ADD,
  AND,
  CAS,
  EXCHANGE,
  LOAD,
  NOTIFY,
  OR,
  STORE,
  SUB,
  WAIT,
  WAIT_OK,
  WAIT_TIMED_OUT,
  XOR,
} from './kind.ts';
import { asElement, bare, type IntegerView, kindAt, type Place, placeOf, wordOf } from './place.ts';

const native = globalThis.Atomics;

/** An access of an element. @returns its answer. */
function on(kind: number, place: Place, index: number, a: number, b: number): number {
  const { view } = place;
  if (!Number.isInteger(index) || index < 0 || index >= view.length) {
    throw new RangeError(`index ${index} is outside a view of ${view.length} elements.`);
  }
  const answer = access(kindAt(kind, place, index), wordOf(place, index), a, b);
  return asElement(place, answer);
}

/** @throws TypeError for a view that the standard's Atomics would not take, or that is 64-bit. */
function integersOf(view: IntegerView): Place | null {
  const place = placeOf(view);
  if (place !== null && !place.isInteger) {
    throw new TypeError(
      `${place.view.constructor.name}: the checker has Atomics of 8, 16 and 32-bit integers only.`,
    );
  }
  return place;
}

type Modify = (view: IntegerView, index: number, value: number) => number;

/** A read-modify-write; `otherwise` is the standard's. */
const modify =
  (kind: number, otherwise: Modify): Modify =>
  (view, index, value) => {
    const place = integersOf(view);
    return place === null ? otherwise(bare(view), index, value) : on(kind, place, index, value, 0);
  };

const add = modify(ADD, (view, index, value) => native.add(view, index, value));
const sub = modify(SUB, (view, index, value) => native.sub(view, index, value));
const and = modify(AND, (view, index, value) => native.and(view, index, value));
const or = modify(OR, (view, index, value) => native.or(view, index, value));
const xor = modify(XOR, (view, index, value) => native.xor(view, index, value));
const exchange = modify(EXCHANGE, (view, index, value) => native.exchange(view, index, value));

function load(view: IntegerView, index: number): number {
  const place = integersOf(view);
  return place === null ? native.load(bare(view), index) : on(LOAD, place, index, 0, 0);
}

function store(view: IntegerView, index: number, value: number): number {
  const place = integersOf(view);
  if (place === null) return native.store(bare(view), index, value);
  on(STORE, place, index, value, 0);
  return Math.trunc(value);
}

function compareExchange(
  view: IntegerView,
  index: number,
  expected: number,
  replacement: number,
): number {
  const place = integersOf(view);
  if (place === null) return native.compareExchange(bare(view), index, expected, replacement);
  return on(CAS, place, index, expected | 0, replacement);
}

type Waited = 'ok' | 'not-equal' | 'timed-out';

/** With a timeout, both that it is woken and that it times out are explored. */
function wait(view: Int32Array, index: number, value: number, timeout = Infinity): Waited {
  const place = sleepable(view);
  if (place === null) return native.wait(bare(view), index, value, timeout);
  if (timeout <= 0) return on(LOAD, place, index, 0, 0) === value ? 'timed-out' : 'not-equal';
  const answer = on(WAIT, place, index, value, timeout < Infinity ? 1 : 0);
  if (answer === WAIT_OK) return 'ok';
  return answer === WAIT_TIMED_OUT ? 'timed-out' : 'not-equal';
}

function notify(view: Int32Array, index: number, count = Infinity): number {
  const place = sleepable(view);
  if (place === null) return native.notify(bare(view), index, count);
  return on(NOTIFY, place, index, Math.min(count, 0x7fffffff), 0);
}

function sleepable(view: Int32Array): Place | null {
  const place = placeOf(view);
  if (place === null || place.isWords) return place;
  throw new TypeError(`${place.view.constructor.name}: threads sleep on an Int32Array only.`);
}

/** Not explored: a thread under test is a synchronous function. */
function waitAsync(): never {
  throw new TypeError('Atomics.waitAsync: threads under test are synchronous; use Atomics.wait.');
}

export const Atomics = {
  add,
  and,
  compareExchange,
  exchange,
  isLockFree: (bytes: number): boolean => native.isLockFree(bytes),
  load,
  notify,
  or,
  /** A hint to the processor: nothing is to be explored. */
  pause: (): void => undefined,
  store,
  sub,
  wait,
  waitAsync,
  xor,
};
