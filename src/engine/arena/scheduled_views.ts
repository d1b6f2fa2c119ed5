/**
 * Views of a memory whose every access goes to the scheduler, word by word. As long as one is
 * seated they stand in the place of all others, the allocator's own too.
 */
import type { Memory } from './memory.ts';
import type { WordAt } from './ref.ts';
import type { PlainAccess } from './scheduler.ts';

/** How elements of one kind are made of words. */
interface Elements<Value> {
  readonly load: (index: number) => Value;
  readonly store: (index: number, value: Value) => void;
}

type View = Memory['i32' | 'f64' | 'u8' | 'u64'];

/** The views of `memory`, through `access`. */
export function scheduleViews(memory: Memory, access: PlainAccess): Memory {
  return {
    buffer: memory.buffer,
    i32: viewOf(memory.i32, wordsOf(access)),
    f64: viewOf(memory.f64, pairsOf(access, new Float64Array(1))),
    u8: viewOf(memory.u8, bytesOf(access)),
    u64: viewOf(memory.u64, pairsOf(access, new BigUint64Array(1))),
  };
}

const wordsOf = (access: PlainAccess): Elements<number> => ({
  load: (at) => access.plainLoad(at),
  store: (at, value) => access.plainStore(at, value | 0),
});

const bytesOf = (access: PlainAccess): Elements<number> => ({
  load: (index) => access.plainLoad(index >> 2, index & 3),
  store: (index, value) => access.plainStore(index >> 2, value & 0xff, index & 3),
});

/** Doubles and 64-bit words: two plain words, which another may write between. */
function pairsOf<Value extends number | bigint>(
  access: PlainAccess,
  one: { readonly buffer: ArrayBuffer; [0]?: Value },
): Elements<Value> {
  const halves = new Int32Array(one.buffer);
  return {
    load(index) {
      halves[0] = access.plainLoad(2 * index);
      halves[1] = access.plainLoad(2 * index + 1);
      return one[0] as Value;
    },
    store(index, value) {
      one[0] = value;
      // Taken before the first store: the other may run in between, and use the same pair.
      const [low = 0, high = 0] = halves;
      access.plainStore(2 * index, low);
      access.plainStore(2 * index + 1, high);
    },
  };
}

function viewOf<T extends View, Value>(view: T, elements: Elements<Value>): T {
  const { load, store } = elements;
  const methods = methodsOf(view, elements);
  return new Proxy(view, {
    get(target, key) {
      const index = indexOf(key);
      if (index !== null) return load(index);
      return Reflect.get(key in methods ? methods : target, key, target) as unknown;
    },
    set(_target, key, value) {
      const index = indexOf(key);
      if (index === null) return false;
      store(index, value as Value);
      return true;
    },
  });
}

/** The operations on many elements that the engine uses. */
function methodsOf<Value>(view: View, { load, store }: Elements<Value>): object {
  return {
    set(source: ArrayLike<Value>, offset = 0): void {
      for (let i = 0; i < source.length; i++) store(offset + i, source[i] as Value);
    },
    copyWithin(to: number, from: number, end: number): void {
      for (let i = 0; i < end - from; i++) store(to + i, load(from + i));
    },
    /** Of bytes: text is decoded from a copy. */
    slice: () => Uint8Array.from({ length: view.length }, (_, i) => Number(load(i))),
    every(test: (value: Value, index: number) => boolean): boolean {
      for (let i = 0; i < view.length; i++) if (!test(load(i), i)) return false;
      return true;
    },
    subarray: (from: number, end: number): View =>
      viewOf<View, Value>(view.subarray(from, end), {
        load: (index) => load(from + index),
        store: (index, value) => store(from + index, value),
      }),
  };
}

function indexOf(key: string | symbol): WordAt | null {
  if (typeof key !== 'string') return null;
  const first = key.codePointAt(0) ?? 0;
  return first >= 0x30 && first <= 0x39 ? Number(key) : null;
}
