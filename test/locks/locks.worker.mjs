// What one worker does to another one's VMAs, or sees of them: see parallel.test.ts.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { mtreeLoad } from '../../dist/engine/maple/maple.js';
import { mmMt } from '../../dist/engine/mm/mm_struct.js';
import { mmapReadLock, mmapReadUnlock } from '../../dist/engine/mm/mmap_lock.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { vmaLookup } from '../../dist/engine/mm/vma_iterator.js';
import { vmaEndRead, vmaStartReadLocked } from '../../dist/engine/mm/vma_lock.js';
import { rcuReadLock, rcuReadUnlock } from '../../dist/engine/rcu/rcu.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';

const { shared, id, start, pages, job, status } = workerData;
const P = 4096;
const machine = Machine.attach(shared);
const process = machine.process(id);
const mm = taskMm(findTaskLocked(id));

const [READY, END, ROUNDS, HOLES, LOCKED_HOLES, BAD] = [0, 1, 2, 3, 4, 5];

/** Looks a page up without any lock, and now and then under mmap_lock. */
function look(round) {
  const addr = start + (round % pages) * P;
  rcuReadLock();
  if (mtreeLoad(mmMt(mm), addr) === 0) Atomics.add(status, HOLES, 1);
  rcuReadUnlock();
  if (round % 64 > 0) return;
  const reader = mmapReadLock(mm);
  if (vmaLookup(reader, addr) === 0) Atomics.add(status, LOCKED_HOLES, 1);
  mmapReadUnlock(reader);
}

/** Stores and loads: what it finds is its own, or nothing yet. */
function fault(round) {
  const addr = start + (round % pages) * P;
  const stored = process.store(addr, 0x7a90);
  const seen = process.load(addr);
  if (stored !== 0 || (seen !== 0 && seen !== 0x7a90)) Atomics.add(status, BAD, 1);
}

/** Holds a read lock that no mark keeps out, as a late reader of another mm does, for a while. */
function lateReader(vma) {
  vmaStartReadLocked(mm, vma);
  Atomics.store(status, READY, 1);
  Atomics.notify(status, READY);
  Atomics.wait(status, END, 0, 100);
  Atomics.store(status, ROUNDS, 1);
  vmaEndRead(vma);
}

const JOBS = {
  look,
  fault,
  replace: () => process.mmap(start, pages * P, 3, 0x32, -1, 0),
};

if (job === 'lateReader') {
  lateReader(workerData.vma);
} else if (job === 'replace') {
  Atomics.store(status, ROUNDS, JOBS.replace() === start ? 1 : -1);
} else {
  Atomics.store(status, READY, 1);
  for (let round = 1; Atomics.load(status, END) === 0; round++) {
    JOBS[job](round);
    Atomics.store(status, ROUNDS, round);
  }
}
machine.detach();
