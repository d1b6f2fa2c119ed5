/**
 * Stepping a cursor: next and prev move off where it stands, find and findRev also
 * give the entry it is aimed at.
 *
 * What each does from each status is a table of the kernel's, kept to in
 * iterate.test.ts. All of it may run under RCU alone: what is met is then what was
 * there at some moment, and indexes only rise (or fall).
 *
 * Source: lib/maple_tree.c, mas_next(), mas_prev(), mas_find(), mas_find_rev(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { type Mas, type MasStatus, masWalk, stepLeft, stepRight } from './mas.ts';
import { MT_MAX } from './node_struct.ts';

/** @returns the first entry right of the cursor that starts at or below `max`, or NULL. */
export const masNext = (mas: Mas, max: number): number =>
  setupNext(mas, max) ?? nextEntry(mas, max);

/** As masNext(), but the next range may also be a gap: then it returns NULL, standing on it. */
export const masNextRange = (mas: Mas, max: number): number =>
  setupNext(mas, max) ?? nextRange(mas, max);

/** @returns the first entry left of the cursor that ends at or above `min`, or NULL. */
export const masPrev = (mas: Mas, min: number): number =>
  setupPrev(mas, min) ?? prevEntry(mas, min);

/** As masPrev(), but the previous range may also be a gap: then it returns NULL, standing on it. */
export const masPrevRange = (mas: Mas, min: number): number =>
  setupPrev(mas, min) ?? prevRange(mas, min);

/** @returns the entry at or right of `mas.index`; from then on the next one; NULL past `max`. */
export function masFind(mas: Mas, max: number): number {
  const settled = setupFind(mas, max);
  if (settled !== null) return settled;

  const entry = nextEntry(mas, max);
  if (mas.status === 'overflow') mas.status = 'active'; // a larger max goes on from here
  return entry;
}

/**
 * @returns the entry at or left of `mas.index`; from then on the previous one; NULL before `min`.
 */
export function masFindRev(mas: Mas, min: number): number {
  const settled = setupFindRev(mas, min);
  if (settled !== null) return settled;

  const entry = prevEntry(mas, min);
  if (mas.status === 'underflow') mas.status = 'active'; // a smaller min goes on from here
  return entry;
}

function nextEntry(mas: Mas, max: number): number {
  for (;;) {
    // Ends: either it is met, or the next range lies further right.
    const entry = nextRange(mas, max);
    if (entry !== NULL || mas.status === 'overflow') return entry;
  }
}

function prevEntry(mas: Mas, min: number): number {
  for (;;) {
    const entry = prevRange(mas, min);
    if (entry !== NULL || mas.status === 'underflow') return entry;
  }
}

const nextRange = (mas: Mas, max: number): number =>
  mas.last >= Math.min(max, MT_MAX) ? endAs(mas, 'overflow') : stepRight(mas);

const prevRange = (mas: Mas, min: number): number =>
  mas.index <= min ? endAs(mas, 'underflow') : stepLeft(mas);

function endAs(mas: Mas, status: MasStatus): typeof NULL {
  mas.status = status;
  return NULL;
}

// The setups below return the answer when the status alone settles it, and null when the
// cursor stands where a step is to be taken from.

function setupNext(mas: Mas, max: number): number | null {
  if (mas.last >= max) return endAs(mas, 'overflow');
  switch (mas.status) {
    case 'active':
      return null;
    case 'overflow':
      mas.status = 'active';
      return null;
    case 'underflow': // it stopped one before where it stands
      return walkOrStep(mas);
    default:
      masWalk(mas);
      return isNone(mas) ? NULL : null;
  }
}

function setupPrev(mas: Mas, min: number): number | null {
  if (mas.index <= min) return endAs(mas, 'underflow');
  switch (mas.status) {
    case 'active':
      return null;
    case 'underflow':
      mas.status = 'active';
      return null;
    case 'overflow': // it stopped one after where it stands
      return walkOrStep(mas);
    default:
      masWalk(mas);
      return isNone(mas) ? NULL : null;
  }
}

function setupFind(mas: Mas, max: number): number | null {
  switch (mas.status) {
    case 'active':
      return mas.last < max ? null : NULL;
    case 'start':
      return mas.index > max ? NULL : walkOrStep(mas);
    case 'underflow':
      return mas.index >= max ? endAs(mas, 'overflow') : walkOrStep(mas);
    default:
      if (mas.last >= max) return NULL;
      if (mas.status === 'pause') mas.last++;
      if (mas.status !== 'overflow') mas.index = mas.last;
      return walkOrStep(mas);
  }
}

function setupFindRev(mas: Mas, min: number): number | null {
  if (mas.status === 'start') return mas.index < min ? NULL : walkOrStep(mas);
  if (mas.index <= min) {
    if (mas.status === 'pause' || mas.status === 'overflow') mas.status = 'underflow';
    return NULL;
  }
  if (mas.status === 'pause' || mas.status === 'none') {
    if (mas.status === 'pause') mas.index--;
    mas.last = mas.index;
    return walkOrStep(mas);
  }
  mas.status = 'active';
  return null;
}

/** The entry at `mas.index`, if there is one. */
function walkOrStep(mas: Mas): number | null {
  const entry = masWalk(mas);
  return entry !== NULL || isNone(mas) ? entry : null;
}

// A function, since the compiler would go on believing the status it saw before a walk.
const isNone = (mas: Mas): boolean => mas.status === 'none';
