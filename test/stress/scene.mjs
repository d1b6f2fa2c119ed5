// The machine that is stressed: its processes and files, and what must hold when all have met.
import {
  Machine,
  O_CLOEXEC,
  O_NONBLOCK,
  registerDriver,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../dist/index.js';
import { H_TICKETS } from '../../dist/engine/arena/layout.js';
import { word } from '../../dist/engine/arena/memory.js';
import { mmWriterWaitAt } from '../../dist/engine/mm/mm_struct.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';
import { Book, bookBytes } from './book.mjs';
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

export class Scene {
  machine;
  processes;
  #mms;
  #fds;
  #books;
  #book;
  #slots = new SharedArrayBuffer(4 * SLOTS);
  #prey;
  #workers;
  #form;
  #tally = { filled: 0 };
  #fill;

  constructor(form, workers, seed) {
    this.#form = form;
    this.#workers = workers;
    this.machine = Machine.create({ bytes: 48 * 2 ** 20, seed, protocol: form });
    this.#book = new SharedArrayBuffer(bookBytes(workers));
    this.#prey = new SharedArrayBuffer(4 * workers);
    this.#books = Array.from({ length: workers }, (_, worker) => new Book(this.#book, worker));
    this.processes = this.#family();
    this.#mms = this.processes.map(({ id }) => taskMm(findTaskLocked(id)));
    this.#fds = this.#open();
    const last = PROCESSES - 1;
    const fd = this.#fds.watched[last];
    const process = this.processes[last];
    this.#fill = fillOf({ process, fd, worker: workers, tally: this.#tally });
  }

  /** What a worker attaches with. */
  order() {
    return {
      shared: this.machine.share(),
      ids: this.processes.map(({ id }) => id),
      fds: this.#fds,
      book: this.#book,
      slots: this.#slots,
      prey: this.#prey,
      workers: this.#workers,
      form: this.#form,
    };
  }

  /** What a worker attaches with that is to end in the middle: its process is its own. */
  doomedOrder() {
    const { ids, workers, form } = this.order();
    const fd = this.machine.open({ path: '/d', kind: 'shmem', size: 8 * PAGE, writable: true });
    const { id } = this.machine.spawn();
    return { shared: this.machine.reserve(), id, ids, fd, workers, form };
  }

  /** A process whose memory is written, and copies of it, which share its pages. */
  #family() {
    const first = this.machine.spawn();
    first.ignoreChildren();
    first.mmap(places.ALWAYS, places.ALWAYS_PAGES * PAGE, RW, ANON, -1, 0);
    first.mmap(places.WILD, places.WILD_PAGES * PAGE, RW, ANON, -1, 0);
    first.mmap(places.SCRATCH, (this.#workers + 1) * PAGE, RW, ANON, -1, 0);
    first.mmap(places.WATCHED, places.WATCHED_PAGES * PAGE, RW, ANON, -1, 0);
    for (let page = 0; page < places.WILD_PAGES; page++) {
      const at = places.WILD + page * PAGE + places.wordOf(0);
      first.store(at, places.tag(0, places.IN_WILD, 0));
    }
    const forks = Array.from({ length: PROCESSES - 1 }, () => first.fork());
    return [first, ...forks];
  }

  #open() {
    const size = 16 * PAGE;
    const open = (spec) => this.machine.open({ path: '/f', size, writable: true, ...spec });
    const driven = WILD_DRIVERS.map((driver) => open({ kind: 'driver', driver }));
    const windowSize = { size: places.FILE_PAGES * PAGE };
    return {
      window: [open({ kind: 'shmem', ...windowSize }), open({ kind: 'regular', ...windowSize })],
      wild: [open({ kind: 'shmem' }), open({ kind: 'regular' }), ...driven],
      device: open({ kind: 'driver', driver: DEVICE_DRIVER, size: places.DEVICE_PAGES * PAGE }),
      watched: this.processes.map((process) => this.#watch(process)),
    };
  }

  #watch(process) {
    const fd = process.userfaultfd(O_CLOEXEC | O_NONBLOCK);
    process.uffdApi(fd, 0);
    const len = places.WATCHED_PAGES * PAGE;
    process.uffdRegister(fd, places.WATCHED, len, UFFDIO_REGISTER_MODE_MISSING);
    return fd;
  }

  /** Answers workers that sleep for a page. */
  serve() {
    const last = PROCESSES - 1;
    const fd = this.#fds.watched[last];
    for (;;) {
      const fault = this.processes[last].uffdRead(fd);
      if (typeof fault === 'number') return;
      this.#fill(fault);
    }
  }

  /** What has met what, so far. */
  contention() {
    const { counters } = this.machine.report();
    const wakes = this.#mms.map((mm) => word(mmWriterWaitAt(mm)));
    return {
      success: counters.vma_lock_success,
      aborts: counters.vma_lock_abort,
      retries: counters.vma_lock_retry,
      misses: counters.vma_lock_miss,
      waits: word(H_TICKETS),
      wakes: wakes.reduce((sum, each) => sum + each, 0),
    };
  }

  /** Nobody else is in the machine. @throws Error at the first thing that does not hold. */
  check() {
    for (const process of this.processes) {
      process.verify();
      checkRss(process);
    }
    for (const [worker, book] of this.#books.entries()) this.#checkWorker(worker, book);
  }

  /** That nothing has happened which should never happen: a worker that died is such a thing. */
  checkWarnings() {
    const { warnings } = this.machine.report();
    if (warnings.length > 0) throw new Error(warnings.join('\n'));
  }

  #checkWorker(worker, book) {
    for (const [p, process] of this.processes.entries()) {
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

  /** All workers have left. */
  exit() {
    for (const id of new Int32Array(this.#slots)) if (id !== 0) this.machine.process(id).exit();
    for (const process of this.processes) process.exit();
  }

  /** @throws Error that names what is still alive. */
  tearDown() {
    this.machine.tearDown();
  }
}

/** What is counted is what the page tables show. */
function checkRss(process) {
  const { anon, file, shmem } = process.rss();
  const shown = process.pageStats().reduce((sum, { rss }) => sum + rss, 0) / PAGE;
  if (anon + file + shmem === shown) return;
  throw new Error(`${anon + file + shmem} pages are counted, and ${shown} are mapped`);
}
