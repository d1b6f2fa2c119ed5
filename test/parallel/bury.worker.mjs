// A worker that is ended at the worst moment: it does what it is told, says so, and stays there.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { beginStore } from '../../dist/engine/page/tlb_flush.js';
import { pteLock } from '../../dist/engine/page/table_struct.js';
import { lockPage } from '../../dist/engine/page/page_alloc.js';
import { rcuReadLock } from '../../dist/engine/rcu/rcu.js';
import * as mmap from '../../dist/engine/mm/mmap_lock.js';
import { findVma, lockVmaUnderRcu } from '../../dist/engine/mm/vma_iterator.js';
import { vmaStartWrite } from '../../dist/engine/mm/vma_lock.js';
import { tasklistLock } from '../../dist/engine/task/tasklist.js';

const { shared, id, mm, addr, leaf, page, job } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);

function mark() {
  const writer = mmap.mmapWriteLock(mm);
  vmaStartWrite(writer, findVma(writer, addr));
}

const JOBS = {
  nothing: () => undefined,
  section: rcuReadLock,
  store: () => beginStore(mm),
  read: () => mmap.mmapReadLock(mm),
  write: () => mmap.mmapWriteLock(mm),
  downgrade: () => mmap.mmapWriteDowngrade(mmap.mmapWriteLock(mm)),
  mark,
  vma: () => lockVmaUnderRcu(mm, addr),
  spin() {
    lockPage(page);
    pteLock(leaf);
  },
  tasklist: tasklistLock,
  all() {
    mark();
    rcuReadLock();
    beginStore(mm);
    lockPage(page);
    pteLock(leaf);
  },
  leave: () => machine.detach(),
  // These wait for what the parent holds.
  line: () => mmap.mmapWriteLock(mm),
  readers: () => mmap.mmapReadLock(mm),
  mark_waits: mark,
  munmap: () => process.munmap(addr, 4096),
  calls() {
    for (;;) {
      const at = process.mmap(0, 8 * 4096, 3, 0x22, -1, 0);
      process.store(at, 1);
      process.mprotect(at, 4096, 1);
      process.fork().exit();
      process.munmap(at, 8 * 4096);
    }
  },
};

const WAITS = ['line', 'readers', 'mark_waits', 'munmap', 'calls'];
if (WAITS.includes(job)) parentPort.postMessage('begins', []);
const result = JOBS[job]();
parentPort.postMessage(job === 'munmap' ? result : 'done', []);
if (job !== 'leave' && job !== 'munmap')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
