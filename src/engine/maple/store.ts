/**
 * Writing through a cursor: one entry, or NULL, over its range. The caller holds the
 * tree's writer lock. Readers see the tree before or after, nothing between.
 *
 * What the range overlaps is replaced; what sticks out of it on either side stays.
 * After a store the cursor stands on what it stored.
 *
 * Source: lib/maple_tree.c, mas_preallocate(), mas_store_prealloc(), mas_store_gfp(),
 * mas_erase(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { type ENOMEM, OK } from '../arena/errno.ts';
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { buildStore } from './build.ts';
import { type Mas, masReset, masWalk, slotStoodOn, standOnRange } from './mas.ts';
import { planStore } from './plan.ts';
import { dropSpares, fillSpares } from './spares.ts';
import { publish } from './tree.ts';
import { type MaWrState, wrState } from './write_state.ts';

/**
 * Puts aside the nodes that storing `entry` over the cursor's range takes, so that
 * masStorePrealloc() cannot fail. In between, neither the tree nor the range may change.
 *
 * @returns ENOMEM, with nothing changed or kept, when there are not as many.
 */
export function masPreallocate(mas: Mas, entry: number): typeof OK | typeof ENOMEM {
  const wr = planned(mas, entry);
  const result = fillSpares(mas, wr.nodes);
  if (result !== OK) masReset(mas);
  return result;
}

/** Stores with the nodes put aside for it, and gives back the rest. Cannot fail. */
export function masStorePrealloc(mas: Mas, entry: number): void {
  const wr = lastPlanOr(mas, entry);
  assert(wr.nodes <= mas.spares, 'the store is the one that was preallocated for');
  finish(mas, wr);
}

/** @returns ENOMEM, with nothing changed, when there are not enough nodes. */
export function masStoreGfp(mas: Mas, entry: number): typeof OK | typeof ENOMEM {
  const wr = planned(mas, entry);
  const result = fillSpares(mas, wr.nodes);
  if (result !== OK) {
    masReset(mas);
    return result;
  }
  finish(mas, wr);
  return OK;
}

/**
 * Erases the whole range of the entry at `mas.index`.
 *
 * @returns the entry that was there, NULL when none was, or ENOMEM.
 */
export function masErase(mas: Mas): number {
  const entry = masWalk(mas);
  if (entry === NULL) return NULL;
  const result = masStoreGfp(mas, NULL);
  return result === OK ? entry : result;
}

/**
 * Puts another entry in the place of the one that the cursor stands on: an exact fit,
 * which takes no memory and cannot fail. The tree has not changed since the step here.
 */
export function masReplace(mas: Mas, entry: number): void {
  const slotAt = slotStoodOn(mas);
  assert(
    word(slotAt) !== NULL && entry !== NULL,
    'one entry replaces another: gaps stay as they are',
  );
  publish(mas.tree, slotAt, entry);
}

/** Gives back the nodes that were put aside. */
export const masDestroy = (mas: Mas): void => dropSpares(mas);

/** The plan that masPreallocate() made, unless this CPU has planned another store since. */
function lastPlanOr(mas: Mas, entry: number): MaWrState {
  const wr = wrState(mas.tree);
  return wr.plannedFor === mas && wr.entry === entry ? wr : planned(mas, entry);
}

function planned(mas: Mas, entry: number): MaWrState {
  const wr = wrState(mas.tree);
  wr.index = mas.index;
  wr.last = mas.last;
  wr.entry = entry;
  planStore(wr);
  wr.plannedFor = mas;
  return wr;
}

function finish(mas: Mas, wr: MaWrState): void {
  wr.plannedFor = null;
  buildStore(wr, mas);
  masDestroy(mas);
  standOnRange(mas, wr.index, wr.last);
}
