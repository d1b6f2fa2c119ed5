/**
 * One of the two workers of bench/parallel.mjs. For each window it is told what to do, waits for
 * the other one at a barrier, does it until the time is up, and says how often, in what time, and
 * how long it waited for a CPU.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { pinTo, runDelay } from '../quiet.mjs';

const PAGE = 4096;
const [READ, READ_WRITE] = [1, 3];
const ANON = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const DONTNEED = 4;
/** Faults between two looks at the clock. */
const BATCH = 64;

const { index, shared, id, own, common, pages, number, barrier } = workerData;
const { Machine } = await import(index);
const machine = Machine.attach(shared);
const process = machine.process(id);
const isPinned = pinTo(number);

/** Faults of a range, page after page; what is dropped in between is not timed. */
function faulter(at, isWrite) {
  let page = 0;
  return () => {
    const begin = performance.now();
    for (let i = 0; i < BATCH; i++, page++) {
      if (isWrite) process.store(at + page * PAGE, 1, 1);
      else process.load(at + page * PAGE, 1);
    }
    const took = performance.now() - begin;
    if (page === pages) {
      page = 0;
      process.madvise(at, pages * PAGE, DONTNEED);
    }
    return took;
  };
}

/** What cannot merge with what is beside it: each pair makes a VMA and takes it away. */
function mapper() {
  const prot = number === 0 ? READ : READ_WRITE + 4;
  return () => {
    const begin = performance.now();
    for (let i = 0; i < BATCH; i++) process.munmap(process.mmap(0, PAGE, prot, ANON, -1, 0), PAGE);
    return performance.now() - begin;
  };
}

const half = common + number * pages * PAGE;
const ROLES = {
  rest: null,
  write: faulter(own, true),
  read: faulter(own, false),
  'write in common': faulter(half, true),
  'read in common': faulter(half, false),
  map: mapper(),
};

/** Nobody begins before all are here. */
function meet(round) {
  Atomics.add(barrier, 0, 1);
  while (Atomics.load(barrier, 0) < 2 * round);
}

function measure({ role, round, ms }) {
  const act = ROLES[role];
  const before = runDelay();
  meet(round);
  const begin = performance.now();
  let [times, took] = [0, 0];
  if (act !== null) {
    do {
      took += act();
      times += BATCH;
    } while (performance.now() - begin < ms);
  }
  const all = performance.now() - begin;
  const delay = before === null || act === null ? 0 : (runDelay() - before) / 1e6 / all;
  return { times, ms: took, delay, isPinned, canTell: before !== null };
}

parentPort.on('message', (order) => {
  if (order.role === 'end') {
    machine.detach();
    parentPort.close();
    return;
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
  parentPort.postMessage(measure(order));
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage('ready');
