/**
 * Views of a memory whose every access goes to the scheduler, word by word. As long as one is
 * seated they stand in the place of all others, the allocator's own too.
 */
import type { Memory } from './memory.ts';
import type { WordAt } from './ref.ts';
import type { Scheduler } from './scheduler.ts';

/** How elements of one kind are made of words. */
interface Elements<Value> {
  readonly load: (index: number) => Value;
  readonly store: (index: number, value: Value) => void;
}

type View = Memory['i32' | 'f64' | 'u8' | 'u64'];

/** The views of `memory`, through `scheduler`. */
export function scheduleViews(memory: Memory, scheduler: Scheduler): Memory {
  return {
    buffer: memory.buffer,
    i32: viewOf(memory.i32, wordsOf(scheduler)),
    f64: viewOf(memory.f64, pairsOf(scheduler, new Float64Array(1))),
    u8: viewOf(memory.u8, bytesOf(scheduler)),
    u64: viewOf(memory.u64, pairsOf(scheduler, new BigUint64Array(1))),
  };
}

const wordsOf = (scheduler: Scheduler): Elements<number> => ({
  load: (at) => scheduler.plainLoad(at),
  store: (at, value) => scheduler.plainStore(at, value | 0),
});

const bytesOf = (scheduler: Scheduler): Elements<number> => ({
  load: (index) => scheduler.plainLoad(index >> 2, index & 3),
  store: (index, value) => scheduler.plainStore(index >> 2, value & 0xff, index & 3),
});

/** Doubles and 64-bit words: two plain words, which another may write between. */
function pairsOf<Value extends number | bigint>(
  scheduler: Scheduler,
  one: { readonly buffer: ArrayBuffer; [0]?: Value },
): Elements<Value> {
  const halves = new Int32Array(one.buffer);
  return {
    load(index) {
      halves[0] = scheduler.plainLoad(2 * index);
      halves[1] = scheduler.plainLoad(2 * index + 1);
      return one[0] as Value;
    },
    store(index, value) {
      one[0] = value;
      // Taken before the first store: the other may run in between, and use the same pair.
      const [low = 0, high = 0] = halves;
      scheduler.plainStore(2 * index, low);
      scheduler.plainStore(2 * index + 1, high);
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
