// Splits and merges the mappings of its process, or walks the reverse map while others do.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { fget } from '../../dist/engine/file/fd_table.js';
import { fileInode, fput } from '../../dist/engine/file/file_struct.js';
import { mmapReadLock, mmapReadUnlock } from '../../dist/engine/mm/mmap_lock.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { vmaLookup } from '../../dist/engine/mm/vma_iterator.js';
import { vmAnonVma, vmMm, vmaPages, vmPgoff } from '../../dist/engine/mm/vma_struct.js';
import { anonVmaWalk, iMmapWalk } from '../../dist/engine/rmap/rmap_walk.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';
import { randomFrom } from './random.mjs';

const { shared, ids, me, fd, fileAt, anonAt, pages, seed, changes, status } = workerData;
const P = 4096;
const [RUNNING, WALKS, MISSING, TWICE, FAILED] = [0, 1, 2, 3, 4];
const machine = Machine.attach(shared);
const random = randomFrom(seed);

/** What is mapped stays mapped, page for page; only the VMAs change. */
function change() {
  const process = machine.process(ids[me]);
  for (let i = 0; i < changes; i++) {
    const from = random(pages);
    const length = 1 + random(Math.min(12, pages - from));
    const base = random(2) === 0 ? fileAt : anonAt;
    const result = process.mprotect(base + from * P, length * P, [1, 3, 3][random(3)]);
    if (result !== 0) Atomics.add(status, FAILED, 1);
    if (i % 400 === 0) forkOnce(process);
  }
  process.verify();
  Atomics.sub(status, RUNNING, 1);
}

function forkOnce(process) {
  const child = process.fork();
  if (typeof child === 'number') return void Atomics.add(status, FAILED, 1);
  child.mprotect(anonAt + random(pages) * P, P, 1);
  child.verify();
  child.exit();
}

const mms = ids.map((id) => taskMm(findTaskLocked(id)));
const seen = new Map(mms.map((mm) => [mm, new Uint8Array(pages)]));

/** Counts how often each page is mapped by each of the processes, in one walk. */
function count(walk, origin) {
  for (const counts of seen.values()) counts.fill(0);
  walk({ first: origin, last: origin + pages - 1 }, (vma) => {
    const counts = seen.get(vmMm(vma));
    if (counts === undefined) return true; // of a child that comes and goes
    const first = vmPgoff(vma) - origin;
    for (let i = 0; i < vmaPages(vma); i++) counts[first + i]++;
    return true;
  });
}

function judge(mayOverlap) {
  for (const counts of seen.values()) {
    for (const times of counts) {
      if (times === 0) Atomics.add(status, MISSING, 1);
      if (times > 1 && !mayOverlap) Atomics.add(status, TWICE, 1);
    }
  }
}

function familyOf(mm) {
  const reader = mmapReadLock(mm);
  const anonVma = vmAnonVma(vmaLookup(reader, anonAt));
  mmapReadUnlock(reader);
  return anonVma;
}

function walkAll() {
  const file = fget(fd);
  // The first process has it linked for as long as the workers run, and the others are linked too.
  const family = familyOf(mms[0]);
  while (Atomics.load(status, RUNNING) > 0) {
    count((range, visit) => iMmapWalk(fileInode(file), range, visit), 0);
    judge(false);
    count((range, visit) => anonVmaWalk(family, range, visit), anonAt / P);
    judge(true); // what a merge removes is met together with what took its place
    Atomics.add(status, WALKS, 1);
  }
  fput(file);
}

if (me < ids.length) change();
else walkAll();
machine.detach();
