/**
 * Views of a memory that ask before every access; for checked builds only, where slow is fine.
 *
 * A view is a proxy, which is no typed array to the atomic operations: those are given the plain
 * one, and ask for themselves (checked_atomics.ts).
 */
import type { Memory } from './memory.ts';
import type { WordAt } from './ref.ts';

/** Asked before a word is read or written; it throws when that may not be. */
export type WordCheck = (at: WordAt, isWrite: boolean) => void;

let check: WordCheck = () => undefined;

/** Sets who is asked. */
export function guardWords(ask: WordCheck): void {
  check = ask;
}

/** Asks whether a word may be read or written. */
export const checkWord: WordCheck = (at, isWrite) => check(at, isWrite);

type View = Int32Array<SharedArrayBuffer> | Float64Array<SharedArrayBuffer> | ByteView;
type ByteView = Uint8Array<SharedArrayBuffer> | BigUint64Array<SharedArrayBuffer>;

const guarded = new WeakMap<SharedArrayBuffer, Memory>();

/** The guarded views of a memory: always the same, since who compares them means the memory. */
export function guardViews(memory: Memory): Memory {
  const made = guarded.get(memory.buffer);
  if (made !== undefined) return made;
  const views: Memory = {
    buffer: memory.buffer,
    i32: guardView(memory.i32),
    f64: guardView(memory.f64),
    u8: guardView(memory.u8),
    u64: guardView(memory.u64),
  };
  guarded.set(memory.buffer, views);
  return views;
}

function guardView<T extends View>(view: T): T {
  const size = view.BYTES_PER_ELEMENT;
  const wordOf = (index: number): WordAt => Math.floor((index * size) / 4);
  const span = (from: number, to: number, isWrite: boolean): void => {
    for (let at = wordOf(from); at * 4 < to * size; at++) check(at, isWrite);
  };
  return new Proxy(view, {
    get(target, key) {
      const index = indexOf(key);
      if (index === null) return methodOf(target, key, span);
      span(index, index + 1, false);
      return (target as unknown as ArrayLike<unknown>)[index];
    },
    set(target, key, value) {
      const index = indexOf(key);
      if (index === null) return false;
      span(index, index + 1, true);
      (target as unknown as unknown[])[index] = value;
      return true;
    },
  });
}

function indexOf(key: string | symbol): number | null {
  if (typeof key !== 'string') return null;
  const first = key.codePointAt(0) ?? 0;
  return first >= 0x30 && first <= 0x39 ? Number(key) : null;
}

/** The operations on many elements that the engine uses; a typed array's own want to be its own. */
function methodOf(
  target: View,
  key: string | symbol,
  span: (from: number, to: number, isWrite: boolean) => void,
): unknown {
  if (key === 'set') {
    return (source: ArrayLike<never>, offset = 0): void => {
      span(offset, offset + source.length, true);
      target.set(source, offset);
    };
  }
  if (key === 'copyWithin') {
    return (to: number, from: number, end: number): View => {
      span(from, end, false);
      span(to, to + end - from, true);
      return target.copyWithin(to, from, end);
    };
  }
  if (key === 'subarray') {
    return (from: number, to: number): View => {
      span(from, to, false);
      return target.subarray(from, to);
    };
  }
  const value: unknown = Reflect.get(target, key, target);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}
