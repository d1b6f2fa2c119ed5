// Where everything of a stressed process lies, and what its words say.
//
//   own         32 pages for each worker, mapped and stored to by nobody else
//   always      replaced all the time, and never a gap
//   wild        anybody does anything
//   window      two files, each page at its place, shared by all processes
//   device      the frames of a device
//   watched     a userfaultfd fills it
//   scratch     a page for each worker
//
// The first three touch, so that VMAs merge across their borders.
export const PAGE = 4096;
export const START = 0x200000000000;
export const PROCESSES = 3;

export const OWN_PAGES = 32;
export const ALWAYS_PAGES = 16;
export const WILD_PAGES = 48;
/** Of each of the two files. */
export const FILE_PAGES = 8;
export const WINDOW_PAGES = 2 * FILE_PAGES;
export const DEVICE_PAGES = 8;
export const WATCHED_PAGES = 8;

const FAR = 2 ** 30;
export const ALWAYS = START;
export const WILD = ALWAYS + ALWAYS_PAGES * PAGE;
export const WINDOW = START + FAR;
export const DEVICE = START + 2 * FAR;
export const WATCHED = START + 3 * FAR;
export const SCRATCH = START + 4 * FAR;

/** The worker's own pages lie below `always`. */
export const ownAt = (worker, page = 0) => ALWAYS - ((worker + 1) * OWN_PAGES - page) * PAGE;
export const scratchAt = (worker) => SCRATCH + worker * PAGE;

/** Where a worker's words are in the pages of all. Words of their own pages are the first. */
export const wordOf = (worker) => 64 * (1 + worker);

/** More would not have words of their own; the one who starts them is a worker, too. */
export const WORKERS_MAX = 62;
/** Who fills what is watched. */
const FILLER = 62;

export const IN_OWN = 1;
export const IN_ALWAYS = 2;
export const IN_WILD = 3;
export const IN_WINDOW = 4;
export const IN_DEVICE = 5;
export const IN_WATCHED = 6;

/**
 * What a worker stores: who it is, where, and which store.
 *
 *   31      26 25    23 22     14 13       0
 *   owner + 1 | area   | place   | store
 */
export const tag = (owner, area, place, store = 0) =>
  (owner + 1) * 2 ** 26 + area * 2 ** 23 + place * 2 ** 14 + (store & 0x3fff);

const STORES = 2 ** 14;
/** Whether a word is 0, or what that worker may have stored there. */
export const isTagged = (value, owner, area, place) =>
  value === 0 || value - (value % STORES) === tag(owner, area, place);

export const watchedTag = (page) => tag(FILLER, IN_WATCHED, page);

export function tagText(value) {
  if (value === 0) return 'nothing';
  const owner = Math.floor(value / 2 ** 26) - 1;
  const [area, place] = [(value >>> 23) & 7, (value >>> 14) & 0x1ff];
  return `store ${value % STORES} of worker ${owner} in area ${area}, place ${place}`;
}
