// What is everybody's: one area that is replaced all the time and never shows a gap, and one in
// which anybody does anything.
import { mtreeLoad } from '../../../dist/engine/maple/maple.js';
import { mmMt } from '../../../dist/engine/mm/mm_struct.js';
import { mmapReadLock, mmapReadUnlock } from '../../../dist/engine/mm/mmap_lock.js';
import { vmaLookup } from '../../../dist/engine/mm/vma_iterator.js';
import { rcuReadLock, rcuReadUnlock } from '../../../dist/engine/rcu/rcu.js';
import {
  ALWAYS,
  ALWAYS_PAGES,
  IN_ALWAYS,
  IN_WILD,
  isTagged,
  PAGE,
  tag,
  tagText,
  WILD,
  WILD_PAGES,
  wordOf,
} from '../places.mjs';
import { ANON, expected, PRIVATE, SHARED } from './expected.mjs';

const BURST = 12;
const HAMMER = 500;
const LOOKS = 200;
/** Both may be written: the first fault after a replacement is never refused. */
const WRITABLE = [3, 7];
const ADVICE = [4, 8, 9, 22, 23, 24, 102, 103];

export function alwaysOperations({ processes, mms, me, workers, random, pick, tally, form }) {
  let stores = 0;
  const place = (p, page) => p * ALWAYS_PAGES + page;

  function anyRange() {
    const page = random(ALWAYS_PAGES);
    return { addr: ALWAYS + page * PAGE, len: (1 + random(ALWAYS_PAGES - page)) * PAGE };
  }

  function replace() {
    const { addr, len } = anyRange();
    const prot = WRITABLE[random(2)];
    const result = processes[pick()].mmap(addr, len, prot, ANON, -1, 0);
    expected('mmap over what is always mapped', result, addr);
  }

  function protect() {
    const { addr, len } = anyRange();
    const result = processes[pick()].mprotect(addr, len, WRITABLE[random(2)]);
    expected('mprotect of what is always mapped', result, 0);
  }

  function store() {
    const p = pick();
    for (let i = 0; i < BURST; i++) {
      const page = random(ALWAYS_PAGES);
      const value = tag(me, IN_ALWAYS, place(p, page), ++stores);
      const code = processes[p].store(ALWAYS + page * PAGE + wordOf(me), value);
      if (code !== 0) throw new Error(`a store to what is always mapped gave the signal ${code}`);
    }
  }

  /** As a program does that knows its page: through the same translation all the time. */
  function hammer() {
    const p = pick();
    const page = random(ALWAYS_PAGES);
    const addr = ALWAYS + page * PAGE + wordOf(me);
    for (let i = 0; i < HAMMER; i++) {
      const value = tag(me, IN_ALWAYS, place(p, page), ++stores);
      if (processes[p].store(addr, value) !== 0) throw new Error('a store gave a signal');
    }
  }

  function load() {
    const p = pick();
    for (let i = 0; i < BURST; i++) {
      const [page, worker] = [random(ALWAYS_PAGES), random(workers)];
      const seen = processes[p].load(ALWAYS + page * PAGE + wordOf(worker));
      if (seen >= 0 && isTagged(seen, worker, IN_ALWAYS, place(p, page))) continue;
      const found = seen < 0 ? `the signal ${seen}` : tagText(seen);
      throw new Error(`always page ${page}, word of worker ${worker}, of process ${p}: ${found}`);
    }
  }

  /** Without any lock. */
  function look() {
    const mm = mms[pick()];
    for (let i = 0; i < LOOKS; i++) {
      rcuReadLock();
      const found = mtreeLoad(mmMt(mm), ALWAYS + random(ALWAYS_PAGES) * PAGE);
      rcuReadUnlock();
      if (found !== 0) continue;
      tally.gaps++;
      if (form.munmap === 'gather') throw new Error('a walker found a gap in the tree');
    }
  }

  function lookLocked() {
    const reader = mmapReadLock(mms[pick()]);
    const found = vmaLookup(reader, ALWAYS + random(ALWAYS_PAGES) * PAGE);
    mmapReadUnlock(reader);
    if (found === 0) throw new Error('a gap is found under mmap_lock');
  }

  function find() {
    const process = processes[pick()];
    for (let i = 0; i < BURST; i++) {
      const addr = ALWAYS + random(ALWAYS_PAGES) * PAGE;
      const vma = process.find(addr);
      if (vma === null) throw new Error('find() found a gap');
      if (vma.start > addr || vma.end <= addr) throw new Error('find() found another VMA');
    }
  }

  return { replace, protect, store, hammer, load, look, lookLocked, find };
}

export function wildOperations({ processes, me, workers, random, pick, fds }) {
  let stores = 0;
  const anyProcess = () => processes[pick()];
  const page = () => random(WILD_PAGES - 8);
  const addr = () => WILD + page() * PAGE;
  const len = () => (1 + random(8)) * PAGE;
  const fd = () => fds.wild[random(fds.wild.length)];
  const offset = () => random(8) * PAGE;

  function store() {
    const p = pick();
    for (let i = 0; i < BURST; i++) {
      const value = tag(me, IN_WILD, p, ++stores);
      processes[p].store(addr() + wordOf(me), value);
    }
  }

  /** Nobody stores in the first word; each worker only in its own. A page may be of any process. */
  function load() {
    const process = anyProcess();
    for (let i = 0; i < BURST; i++) {
      const [at, worker] = [addr(), random(workers)];
      const first = process.load(at);
      const seen = process.load(at + wordOf(worker));
      const isRight = [0, 1, 2].some((p) => isTagged(seen, worker, IN_WILD, p));
      if (first <= 0 && (seen < 0 || isRight)) continue;
      throw new Error(`a wild page: ${tagText(first)}; of worker ${worker}: ${tagText(seen)}`);
    }
  }

  return {
    map: () => anyProcess().mmap(addr(), len(), random(8), ANON, -1, 0),
    mapShared: () => anyProcess().mmap(addr(), len(), 1 + random(3), SHARED, fd(), offset()),
    mapPrivate: () => anyProcess().mmap(addr(), len(), 1 + random(3), PRIVATE, fd(), offset()),
    unmap: () => anyProcess().munmap(addr(), len()),
    protect: () => anyProcess().mprotect(addr(), len(), random(8)),
    move: () => anyProcess().mremap(addr(), 4 * PAGE, 4 * PAGE, 3, addr()),
    grow: () => anyProcess().mremap(addr(), 2 * PAGE, 6 * PAGE, 3, addr()),
    advise: () => anyProcess().madvise(addr(), len(), ADVICE[random(ADVICE.length)]),
    lock: () => anyProcess().mlock(addr(), len()),
    unlock: () => anyProcess().munlock(addr(), len()),
    sync: () => anyProcess().msync(addr(), len(), 4),
    store,
    load,
  };
}
