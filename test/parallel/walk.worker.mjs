// Walks an address space without any lock while another worker changes it. Loads compiled code,
// because Node 20 cannot run TypeScript in a worker.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { rcuReadLock, rcuReadUnlock } from '../../dist/engine/rcu/rcu.js';
import { masFind, masState, mtreeLoad } from '../../dist/engine/maple/maple.js';
import { mmMt } from '../../dist/engine/mm/mm_struct.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { vmaEndRead, vmaStartRead } from '../../dist/engine/mm/vma_lock.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';
import { vmEnd, vmMm, vmStart } from '../../dist/engine/mm/vma_struct.js';

const { shared, id, start, pages, lookups, status } = workerData;
const machine = Machine.attach(shared);
machine.enter();
const mm = taskMm(findTaskLocked(id));
const end = start + pages * 4096;
const counts = { holes: 0, torn: 0, gaps: 0, ranges: 0, locked: 0 };

function lookUp(addr) {
  rcuReadLock();
  const found = mtreeLoad(mmMt(mm), addr);
  if (found === 0) counts.holes++;
  const vma = found === 0 ? -1 : vmaStartRead(mm, found);
  rcuReadUnlock();
  if (vma < 0) return;

  counts.locked++;
  const isWhole = vmStart(vma) < vmEnd(vma) && vmStart(vma) % 4096 === 0 && vmEnd(vma) % 4096 === 0;
  if (!isWhole || vmMm(vma) !== mm) counts.torn++;
  vmaEndRead(vma);
}

/** Range after range with a cursor: each begins where the last one ended, or before. */
function walk() {
  rcuReadLock();
  const mas = masState(mmMt(mm), start, start);
  let at = start;
  while (at < end && masFind(mas, end - 1) !== 0) {
    if (mas.index > at) counts.gaps++;
    at = mas.last + 1;
    counts.ranges++;
  }
  if (at < end) counts.gaps++;
  rcuReadUnlock();
}

// Until both have done their part: the writer says when in the last word.
let i = 0;
for (; i < lookups || Atomics.load(status, status.length - 1) === 0; i++) {
  lookUp(start + Math.floor(Math.random() * pages) * 4096);
  if (i % 256 === 0) walk();
}
machine.detach();
const results = [1, counts.holes, counts.torn, counts.gaps, counts.ranges, counts.locked, i];
results.toReversed().forEach((value, back) => {
  Atomics.store(status, results.length - 1 - back, value);
});
