// What every page should hold: kept by whoever may write there, read by all when they have met.
import { OWN_PAGES, PROCESSES, WINDOW_PAGES, DEVICE_PAGES } from './places.mjs';

const OWN_WORDS = 2 * OWN_PAGES * PROCESSES;
const WORKER_WORDS = OWN_WORDS + WINDOW_PAGES + DEVICE_PAGES;

export const bookBytes = (workers) => 4 * WORKER_WORDS * workers;

/** The part of one worker. */
export class Book {
  #own;
  /** The last word stored in each page of the window, or 0 once it was seen to be gone. */
  window;
  /** The last word stored in each frame of the device. */
  device;

  constructor(buffer, worker) {
    const words = new Uint32Array(buffer, 4 * WORKER_WORDS * worker, WORKER_WORDS);
    this.#own = words.subarray(0, OWN_WORDS);
    this.window = words.subarray(OWN_WORDS, OWN_WORDS + WINDOW_PAGES);
    this.device = words.subarray(OWN_WORDS + WINDOW_PAGES);
  }

  static #at = (process, page) => 2 * (process * OWN_PAGES + page);

  /** The protection of an own page, or -1 where nothing is mapped. */
  prot(process, page) {
    return this.#own[Book.#at(process, page)] - 1;
  }

  value(process, page) {
    return this.#own[Book.#at(process, page) + 1];
  }

  stored(process, page, value) {
    this.#own[Book.#at(process, page) + 1] = value;
  }

  protect(process, page, prot) {
    this.#own[Book.#at(process, page)] = prot + 1;
  }

  map(process, page, prot) {
    this.protect(process, page, prot);
    this.stored(process, page, 0);
  }

  unmap(process, page) {
    this.map(process, page, -1);
  }
}
