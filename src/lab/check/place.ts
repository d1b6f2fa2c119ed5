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
  /** Whether the Atomics take it; and whether its elements are words as they are. */
  readonly isInteger: boolean;
  readonly isWords: boolean;
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
let lastView: AnyView | null = null;
let lastOf: Exploration | null = null;
let lastPlace: Place | null = null;
const places = new WeakMap<Exploration, WeakMap<AnyView, Place>>();

/** @returns where a view is, or null when nothing is being explored. */
export function placeOf(view: AnyView): Place | null {
  const exploration = activeExploration();
  if (exploration === null) return null;
  if (lastView === view && lastOf === exploration) return lastPlace;
  let known = places.get(exploration);
  if (known === undefined) places.set(exploration, (known = new WeakMap<AnyView, Place>()));
  let place = known.get(view);
  if (place === undefined) known.set(view, (place = makePlace(exploration, bare(view))));
  lastView = view;
  lastOf = exploration;
  lastPlace = place;
  return place;
}

const makePlace = ({ memory }: Exploration, view: AnyView): Place => ({
  view,
  byte: memory.add(view.buffer) * 4 + view.byteOffset,
  elementBytes: view.BYTES_PER_ELEMENT,
  isInteger: isInteger(view),
  isWords: view instanceof Int32Array,
});

const isInteger = (view: AnyView): boolean =>
  view.BYTES_PER_ELEMENT < 8 &&
  !(view instanceof Uint8ClampedArray) &&
  !(view instanceof Float32Array);

/** The word of an element. */
export const wordOf = ({ byte, elementBytes }: Place, index: number): number =>
  (byte + index * elementBytes) >> 2;

/** A kind of access, for the part of the word that an element is. */
export const kindAt = (kind: number, { byte, elementBytes }: Place, index: number): number =>
  elementBytes === 4
    ? kind
    : kind | (laneOf(elementBytes, byte + index * elementBytes) << LANE_SHIFT);

/** An answer as an element of the view has it. */
export function asElement({ view, isWords }: Place, value: number): number {
  if (isWords) return value;
  if (view instanceof Uint32Array) return value >>> 0;
  if (view instanceof Int8Array) return (value << 24) >> 24;
  return view instanceof Int16Array ? (value << 16) >> 16 : value;
}
