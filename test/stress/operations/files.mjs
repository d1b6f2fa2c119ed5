// Files under mappings that come and go: each worker has a word in every page, and finds there what
// it stored last, or nothing once somebody has cut it off; never something older.
import {
  DEVICE,
  DEVICE_PAGES,
  FILE_PAGES,
  IN_DEVICE,
  IN_WINDOW,
  isTagged,
  PAGE,
  tag,
  tagText,
  WINDOW,
  WINDOW_PAGES,
  wordOf,
} from '../places.mjs';
import { expected, SHARED } from './expected.mjs';

const BURST = 12;
const [DONTNEED, REMOVE] = [4, 9];

/** Checks a worker's word of the window, where it could be loaded, and notes that it is gone. */
export function checkWindow(seen, book, worker, page) {
  if (seen < 0) return;
  if (seen !== 0 && seen !== book.window[page]) {
    const was = tagText(book.window[page]);
    throw new Error(
      `page ${page} of the window holds ${tagText(seen)} of worker ${worker} in the place of ${was}`,
    );
  }
  book.window[page] = seen;
}

export function checkDevice(seen, book, worker, page) {
  if (seen < 0 || seen === book.device[page]) return;
  const was = tagText(book.device[page]);
  throw new Error(
    `frame ${page} of the device holds ${tagText(seen)} of worker ${worker} in the place of ${was}`,
  );
}

export function windowOperations({
  machine,
  processes,
  me,
  workers,
  random,
  pick,
  book,
  fds,
  tally,
}) {
  let stores = 0;
  const anyProcess = () => processes[pick()];
  const next = (page) => tag(me, IN_WINDOW, page, ++stores);
  const at = (page) => WINDOW + page * PAGE;
  const fileOf = (page) => fds.window[page < FILE_PAGES ? 0 : 1];
  const anyFile = () => fds.window[random(2)];

  function anyRange() {
    const page = random(WINDOW_PAGES);
    const most = FILE_PAGES - (page % FILE_PAGES);
    return { page, pages: 1 + random(most) };
  }

  function map() {
    const { page, pages } = anyRange();
    const offset = (page % FILE_PAGES) * PAGE;
    const result = anyProcess().mmap(at(page), pages * PAGE, 3, SHARED, fileOf(page), offset);
    expected('mmap of a file', result, at(page));
  }

  function unmap() {
    const { page, pages } = anyRange();
    expected('munmap of a file', anyProcess().munmap(at(page), pages * PAGE), 0);
  }

  function store() {
    const process = anyProcess();
    for (let i = 0; i < BURST; i++) {
      const page = random(WINDOW_PAGES);
      const value = next(page);
      const code = process.store(at(page) + wordOf(me), value);
      if (code === 0) book.window[page] = value;
      else tally.signals++;
    }
  }

  function load() {
    const process = anyProcess();
    for (let i = 0; i < BURST; i++) {
      const page = random(WINDOW_PAGES);
      checkWindow(process.load(at(page) + wordOf(me)), book, me, page);
      const other = random(workers);
      const seen = process.load(at(page) + wordOf(other));
      if (seen < 0 || isTagged(seen, other, IN_WINDOW, page)) continue;
      throw new Error(`page ${page} of the window, word of worker ${other}: ${tagText(seen)}`);
    }
  }

  function write() {
    const page = random(WINDOW_PAGES);
    const bytes = new Uint32Array([next(page)]);
    const position = (page % FILE_PAGES) * PAGE + wordOf(me);
    expected('pwrite', machine.pwrite(fileOf(page), new Uint8Array(bytes.buffer), position), 4);
    book.window[page] = bytes[0];
  }

  function read() {
    const page = random(WINDOW_PAGES);
    const word = new Uint32Array(1);
    const position = (page % FILE_PAGES) * PAGE + wordOf(me);
    const count = machine.pread(fileOf(page), new Uint8Array(word.buffer), position);
    if (count === 4) checkWindow(word[0], book, me, page);
  }

  function advise(advice) {
    const { page, pages } = anyRange();
    anyProcess().madvise(at(page), pages * PAGE, advice);
  }

  return {
    map,
    unmap,
    store,
    load,
    write,
    read,
    truncate: () => machine.truncate(anyFile(), random(FILE_PAGES + 1) * PAGE + random(2) * 100),
    grow: () => machine.truncate(anyFile(), FILE_PAGES * PAGE),
    punch: () => machine.punchHole(anyFile(), random(FILE_PAGES) * PAGE, (1 + random(3)) * PAGE),
    forget: () => advise(DONTNEED),
    remove: () => advise(REMOVE),
    truncateWild: () => machine.truncate(fds.wild[random(fds.wild.length)], random(17) * PAGE),
  };
}

export function deviceOperations({ processes, me, random, pick, book, fds }) {
  let stores = 0;
  const anyProcess = () => processes[pick()];
  const at = (page) => DEVICE + page * PAGE;

  function map() {
    const page = random(DEVICE_PAGES);
    const len = (1 + random(DEVICE_PAGES - page)) * PAGE;
    expected(
      'mmap of a device',
      anyProcess().mmap(at(page), len, 3, SHARED, fds.device, page * PAGE),
      at(page),
    );
  }

  function access() {
    const process = anyProcess();
    for (let i = 0; i < BURST; i++) {
      const page = random(DEVICE_PAGES);
      const value = tag(me, IN_DEVICE, page, ++stores);
      if (process.store(at(page) + wordOf(me), value) === 0) book.device[page] = value;
      checkDevice(process.load(at(page) + wordOf(me)), book, me, page);
    }
  }

  return {
    map,
    unmap: () => anyProcess().munmap(at(random(DEVICE_PAGES)), PAGE),
    protect: () => anyProcess().mprotect(at(random(DEVICE_PAGES)), PAGE, 1 + 2 * random(2)),
    access,
  };
}
