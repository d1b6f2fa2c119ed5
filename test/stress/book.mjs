// What every page should hold: kept by whoever may write there, read by all when they have met.
import { DEVICE_PAGES, OWN_PAGES, PROCESSES, WINDOW_PAGES } from './places.mjs';

const OWN_WORDS = 2 * OWN_PAGES * PROCESSES;
const WORKER_WORDS = OWN_WORDS + WINDOW_PAGES + DEVICE_PAGES;

export const bookBytes = (workers) => 4 * WORKER_WORDS * workers;

/** The part of one worker. */
export function bookOf(buffer, worker) {
  const words = new Uint32Array(buffer, 4 * WORKER_WORDS * worker, WORKER_WORDS);
  const at = (p, page) => 2 * (p * OWN_PAGES + page);

  /** The protection of an own page, or -1 where nothing is mapped. */
  const prot = (p, page) => words[at(p, page)] - 1;
  const value = (p, page) => words[at(p, page) + 1];

  function protect(p, page, bits) {
    words[at(p, page)] = bits + 1;
  }

  function store(p, page, what) {
    words[at(p, page) + 1] = what;
  }

  function map(p, page, bits) {
    protect(p, page, bits);
    store(p, page, 0);
  }

  return {
    prot,
    value,
    protect,
    store,
    map,
    unmap: (p, page) => map(p, page, -1),
    /** The last word stored in each page of the window, or 0 once it was seen to be gone. */
    window: words.subarray(OWN_WORDS, OWN_WORDS + WINDOW_PAGES),
    /** The last word stored in each frame of the device. */
    device: words.subarray(OWN_WORDS + WINDOW_PAGES),
  };
}
