/**
 * Views whose plain accesses are seen: logged and repeated with their thread, undone with the
 * execution, and judged by the race detector. Proxies: slow, and only for exploring.
 */
import { access } from './active.ts';
import { PLAIN_LOAD, PLAIN_STORE } from './kind.ts';
import {
  type AnyView,
  asElement,
  bare,
  kindAt,
  type Place,
  placeOf,
  standFor,
  wordOf,
} from './place.ts';

type Element = number | bigint;

/** @returns what stands for `view` in the threads, the invariant and the end of a scenario. */
export function shared<T extends AnyView>(view: T): T {
  const target = bare(view);
  const proxy: T = new Proxy(target, {
    get(_, key) {
      const index = indexOf(key);
      return index === null ? propertyOf(target, key) : load(target, index);
    },
    set(_, key, value: Element) {
      const index = indexOf(key);
      if (index !== null) store(target, index, value);
      return index !== null;
    },
  });
  placeOf(target);
  standFor(proxy, target);
  return proxy;
}

function indexOf(key: string | symbol): number | null {
  return typeof key === 'string' && /^\d/u.test(key) ? Number(key) : null;
}

function load(view: AnyView, index: number): Element | undefined {
  if (index >= view.length) return undefined;
  const place = placeOf(view);
  if (place === null) return view[index];
  if (place.elementBytes === 8 || isFloat(view)) return loadWords(place, index);
  return asElement(place, access(kindAt(PLAIN_LOAD, place, index), wordOf(place, index), 0, 0));
}

function store(view: AnyView, index: number, value: Element): void {
  if (index >= view.length) return;
  const place = placeOf(view);
  if (place === null) view[index] = value as never;
  else if (place.elementBytes === 8 || isFloat(view)) storeWords(place, index, value);
  else {
    const at = wordOf(place, index);
    access(kindAt(PLAIN_STORE, place, index), at, stored(view, value as number), 0);
  }
}

const isFloat = (view: AnyView): boolean => view instanceof Float32Array;

/** A number as an element of the view is stored. */
function stored(view: AnyView, value: number): number {
  if (!(view instanceof Uint8ClampedArray)) return value | 0;
  return Uint8ClampedArray.of(value)[0] ?? 0;
}

/** One element, and its words. */
function scratchOf(view: AnyView): { readonly element: AnyView; readonly words: Int32Array } {
  const element = new (view.constructor as new (length: number) => AnyView)(1);
  return { element, words: new Int32Array(element.buffer) };
}

function loadWords(place: Place, index: number): Element | undefined {
  const { element, words } = scratchOf(place.view);
  const at = wordOf(place, index);
  for (let i = 0; i < words.length; i++) words[i] = access(PLAIN_LOAD, at + i, 0, 0);
  return element[0];
}

function storeWords(place: Place, index: number, value: Element): void {
  const { element, words } = scratchOf(place.view);
  element[0] = value as never;
  const at = wordOf(place, index);
  for (const [i, word] of words.entries()) access(PLAIN_STORE, at + i, word, 0);
}

/** The methods that write, by themselves; the others work on a copy, which loads every element. */
function propertyOf(view: AnyView, key: string | symbol): unknown {
  const value: unknown = Reflect.get(view, key, view);
  if (typeof value !== 'function' || key === 'constructor') return value;
  if (key === 'subarray') {
    return (from?: number, to?: number): AnyView => shared(view.subarray(from, to));
  }
  if (key === 'set') {
    return (source: ArrayLike<Element>, offset = 0): void =>
      write(view, Array.from(source), offset);
  }
  if (key === 'fill' || key === 'copyWithin') return spanWriter(view, key);
  if (key === 'sort' || key === 'reverse') return wholeWriter(view, key);
  return (...args: unknown[]): unknown =>
    (Reflect.get(copyOf(view), key) as (...args: unknown[]) => unknown).apply(copyOf(view), args);
}

function write(view: AnyView, values: readonly Element[], offset: number): void {
  if (offset < 0 || offset + values.length > view.length) {
    throw new RangeError(`${values.length} elements do not fit at ${offset} of ${view.length}.`);
  }
  for (const [i, value] of values.entries()) store(view, offset + i, value);
}

function spanWriter(view: AnyView, key: 'fill' | 'copyWithin') {
  return (first: never, second?: number, third?: number): AnyView => {
    if (key === 'fill') {
      const [from, to] = spanOf(view, second, third);
      for (let i = from; i < to; i++) store(view, i, first);
      return shared(view);
    }
    const [from, to] = spanOf(view, second, third);
    const [at] = spanOf(view, first, undefined);
    const values = Array.from({ length: Math.min(to - from, view.length - at) }, (_, i) =>
      load(view, from + i),
    );
    write(view, values as Element[], at);
    return shared(view);
  };
}

function spanOf(view: AnyView, from = 0, to = view.length): [number, number] {
  const bound = (i: number): number =>
    Math.min(view.length, i < 0 ? Math.max(0, view.length + i) : i);
  return [bound(from), bound(to)];
}

function wholeWriter(view: AnyView, key: 'sort' | 'reverse') {
  return (...args: never[]): AnyView => {
    const copy = copyOf(view);
    (Reflect.get(copy, key) as (...args: never[]) => unknown).apply(copy, args);
    write(view, Array.from(copy as ArrayLike<Element>), 0);
    return shared(view);
  };
}

/** Its elements, each loaded. */
function copyOf(view: AnyView): AnyView {
  const copy = new (view.constructor as new (length: number) => AnyView)(view.length);
  for (let i = 0; i < view.length; i++) copy[i] = load(view, i) as never;
  return copy;
}
