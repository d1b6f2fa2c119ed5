/** Where the elements of a typed array are, in the words of the exploration that runs. */
import { activeExploration, type Exploration } from './active.ts';
import { laneOf } from './lane.ts';
import { LANE_SHIFT } from './kind.ts';

export type IntegerView =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;
export type AnyView =
  | IntegerView
  | Uint8ClampedArray
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

export interface Place {
  readonly view: AnyView;
  /** Of its first element, from the first word of all. */
  readonly byte: number;
  readonly elementBytes: number;
}

/** What stands for a view where its plain accesses are to be seen, and the view. */
const wrapped = new WeakMap<object, AnyView>();

/** Notes that `proxy` stands for `view`. */
export function standFor(proxy: object, view: AnyView): void {
  wrapped.set(proxy, view);
}

/** The view itself. */
export const bare = <T extends AnyView>(view: T): T => (wrapped.get(view) as T | undefined) ?? view;

/** The view that was asked for last, and where it was: mostly it is asked for again. */
let last: { readonly key: AnyView; readonly of: Exploration; readonly place: Place } | null = null;

/** @returns where a view is, or null when nothing is being explored. */
export function placeOf(view: AnyView): Place | null {
  const exploration = activeExploration();
  if (exploration === null) return null;
  if (last !== null && last.key === view && last.of === exploration) return last.place;
  const target = bare(view);
  const place = {
    view: target,
    byte: exploration.memory.add(target.buffer) * 4 + target.byteOffset,
    elementBytes: target.BYTES_PER_ELEMENT,
  };
  last = { key: view, of: exploration, place };
  return place;
}

/** The word of an element. */
export const wordOf = ({ byte, elementBytes }: Place, index: number): number =>
  (byte + index * elementBytes) >> 2;

/** A kind of access, for the part of the word that an element is. */
export const kindAt = (kind: number, { byte, elementBytes }: Place, index: number): number =>
  elementBytes === 4
    ? kind
    : kind | (laneOf(elementBytes, byte + index * elementBytes) << LANE_SHIFT);

/** An answer as an element of the view has it. */
export function asElement(view: AnyView, value: number): number {
  if (view instanceof Int32Array) return value;
  if (view instanceof Uint32Array) return value >>> 0;
  if (view instanceof Int8Array) return (value << 24) >> 24;
  return view instanceof Int16Array ? (value << 16) >> 16 : value;
}
