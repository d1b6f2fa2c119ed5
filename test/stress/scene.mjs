// The machine that is stressed: its processes and files, and what must hold when all have met.
import { H_TICKETS } from '../../dist/engine/arena/layout.js';
import { word } from '../../dist/engine/arena/memory.js';
import { mmWriterWaitAt } from '../../dist/engine/mm/mm_struct.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';
import {
  Machine,
  O_CLOEXEC,
  O_NONBLOCK,
  registerDriver,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../dist/index.js';
import { bookBytes, bookOf } from './book.mjs';
import { DEVICE_DRIVER, DRIVERS, WILD_DRIVERS } from './drivers.mjs';
import { ANON } from './operations/expected.mjs';
import { checkDevice, checkWindow } from './operations/files.mjs';
import { checkPage } from './operations/own.mjs';
import { fillOf } from './operations/watched.mjs';
import * as places from './places.mjs';

const { PAGE, PROCESSES } = places;
const RW = 3;
const SLOTS = 8;

for (const driver of DRIVERS) registerDriver(driver);

/** A machine of a form, for so many workers. `order` is what they attach with. */
export function makeScene({ form, workers, seed }) {
  const machine = Machine.create({ bytes: 48 * 2 ** 20, seed, protocol: form });
  const processes = makeFamily(machine, workers);
  const ids = processes.map(({ id }) => id);
  const fds = openFiles(machine, processes);
  const book = new SharedArrayBuffer(bookBytes(workers));
  const slots = new SharedArrayBuffer(4 * SLOTS);
  const prey = new SharedArrayBuffer(4 * workers);
  const last = PROCESSES - 1;
  const filler = { process: processes[last], fd: fds.watched[last], worker: workers };
  return {
    machine,
    processes,
    mms: ids.map((id) => taskMm(findTaskLocked(id))),
    books: Array.from({ length: workers }, (_, worker) => bookOf(book, worker)),
    sleepers: { ...filler, fill: fillOf({ ...filler, tally: { filled: 0 } }) },
    order: { shared: machine.share(), ids, fds, book, slots, prey, workers, form },
  };
}

/** A process whose memory is written, and copies of it, which share its pages. */
function makeFamily(machine, workers) {
  const first = machine.spawn();
  first.ignoreChildren();
  first.mmap(places.ALWAYS, places.ALWAYS_PAGES * PAGE, RW, ANON, -1, 0);
  first.mmap(places.WILD, places.WILD_PAGES * PAGE, RW, ANON, -1, 0);
  first.mmap(places.SCRATCH, (workers + 1) * PAGE, RW, ANON, -1, 0);
  first.mmap(places.WATCHED, places.WATCHED_PAGES * PAGE, RW, ANON, -1, 0);
  for (let page = 0; page < places.WILD_PAGES; page++) {
    const at = places.WILD + page * PAGE + places.wordOf(0);
    first.store(at, places.tag(0, places.IN_WILD, 0));
  }
  return [first, ...Array.from({ length: PROCESSES - 1 }, () => first.fork())];
}

function openFiles(machine, processes) {
  const open = (spec) => {
    const fd = machine.open({ path: '/f', size: 16 * PAGE, writable: true, ...spec });
    if (fd < 0) throw new Error(`a file of the kind ${spec.kind} gave ${fd}`);
    return fd;
  };
  const driven = WILD_DRIVERS.map((driver) => open({ kind: 'driver', driver }));
  const size = places.FILE_PAGES * PAGE;
  return {
    window: [open({ kind: 'shmem', size }), open({ kind: 'regular', size })],
    wild: [open({ kind: 'shmem' }), open({ kind: 'regular' }), ...driven],
    device: open({ kind: 'driver', driver: DEVICE_DRIVER, size: places.DEVICE_PAGES * PAGE }),
    watched: processes.map(watch),
  };
}

function watch(process) {
  const fd = process.userfaultfd(O_CLOEXEC | O_NONBLOCK);
  process.uffdApi(fd, 0);
  const len = places.WATCHED_PAGES * PAGE;
  process.uffdRegister(fd, places.WATCHED, len, UFFDIO_REGISTER_MODE_MISSING);
  return fd;
}

/** What a worker attaches with that is to end in the middle: its process is its own. */
export function doomedOrder({ machine, order }) {
  const fd = machine.open({ path: '/d', kind: 'shmem', size: 8 * PAGE, writable: true });
  const { id } = machine.spawn();
  const { ids, workers, form } = order;
  return { shared: machine.reserve(), id, ids, fd, workers, form };
}

/** Answers workers that sleep for a page. */
export function serveSleepers({ sleepers: { process, fd, fill } }) {
  for (;;) {
    const fault = process.uffdRead(fd);
    if (typeof fault === 'number') return;
    fill(fault);
  }
}

/** How often one has met another, so far. */
export function contentionOf({ machine, mms }) {
  const { counters } = machine.report();
  return {
    success: counters.vma_lock_success,
    aborts: counters.vma_lock_abort,
    retries: counters.vma_lock_retry,
    misses: counters.vma_lock_miss,
    waits: word(H_TICKETS),
    wakes: mms.reduce((sum, mm) => sum + word(mmWriterWaitAt(mm)), 0),
  };
}

/** Nobody else is in the machine. @throws Error at the first thing that does not hold. */
export function checkScene({ processes, books }) {
  for (const process of processes) {
    process.verify();
    checkRss(process);
  }
  for (const [worker, book] of books.entries()) checkWorker(processes, book, worker);
}

/** What is counted is what the page tables show. */
function checkRss(process) {
  const { anon, file, shmem } = process.rss();
  const shown = process.pageStats().reduce((sum, { rss }) => sum + rss, 0) / PAGE;
  if (anon + file + shmem === shown) return;
  throw new Error(`${anon + file + shmem} pages are counted, and ${shown} are mapped`);
}

function checkWorker(processes, book, worker) {
  for (const [p, process] of processes.entries()) {
    for (let page = 0; page < places.OWN_PAGES; page++) {
      checkPage(process, book, { p, worker, page });
    }
    const load = (area, page) => process.load(area + page * PAGE + places.wordOf(worker));
    for (let page = 0; page < places.WINDOW_PAGES; page++) {
      checkWindow(load(places.WINDOW, page), book, worker, page);
    }
    for (let page = 0; page < places.DEVICE_PAGES; page++) {
      checkDevice(load(places.DEVICE, page), book, worker, page);
    }
  }
}

/** That nothing has happened which should never happen: a worker that died is such a thing. */
export function checkWarnings({ machine }) {
  const { warnings } = machine.report();
  if (warnings.length > 0) throw new Error(warnings.join('\n'));
}

/** All workers have left. */
export function exitAll({ machine, processes, order }) {
  for (const id of new Int32Array(order.slots)) if (id !== 0) machine.process(id).exit();
  for (const process of processes) process.exit();
}
