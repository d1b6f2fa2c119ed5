// Touches pages that others fill, or fills pages that others touch.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const P = 4096;
const { shared, id, fd, start, pages, job, seed } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);

/** Every page once, in an order of its own: how many do not hold their number. */
function touch() {
  let wrong = 0;
  for (let i = 0; i < pages; i++) {
    const page = (i * seed) % pages;
    if (process.load(start + page * P) !== page + 1) wrong++;
  }
  return { wrong };
}

/** Each page holds its number; the one behind them ends it. */
function fill() {
  const bytes = process.mmap(0, P, 3, 0x22, -1, 0);
  let faults = 0;
  let wrong = 0;
  for (;;) {
    const message = process.uffdRead(fd);
    if (message.event !== 'pagefault') return { faults, wrong: wrong + 1 };
    faults++;
    const page = (message.address - start) / P;
    process.store(bytes, page + 1);
    const copied = process.uffdCopy(fd, message.address, bytes, P);
    // Two may have waited for one page: the second is woken without a copy of its own.
    if (copied === -17) process.uffdWake(fd, message.address, P);
    else if (copied !== P) wrong++;
    if (page === pages) return { faults, wrong };
  }
}

const report = job === 'fill' ? fill() : touch();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage(report);
machine.detach();
