/**
 * One of several workers that want the same locks; contention.ts starts them and says which job.
 * Plain JavaScript, since a worker cannot load TypeScript; takes the built engine.
 */
import { parentPort, workerData } from 'node:worker_threads';

const { dist, buffer, job, at, rounds, me } = workerData;
const { openArena } = await import(`${dist}engine/arena/arena.js`);
const { claimCpu, releaseCpu, useCpu } = await import(`${dist}engine/arena/cpu.js`);
const { setWord, useMemory, word } = await import(`${dist}engine/arena/memory.js`);
const atomics = await import(`${dist}engine/arena/atomics.js`);
const rwsem = await import(`${dist}engine/sync/rwsem.js`);
const { spinLock, spinUnlock } = await import(`${dist}engine/sync/spinlock.js`);
const { cacheAlloc, cacheFree, cacheFreeRcu, cacheKind } = await import(
  `${dist}engine/slab/cache.js`
);
const { rcuReadLock, rcuReadUnlock } = await import(`${dist}engine/rcu/rcu.js`);

useMemory(openArena(buffer));
const cpu = claimCpu();
useCpu(cpu);

// Words from `at`: the lock, the two that belong together, how many are here, what is published.
const LOCK = at;
const LEFT = at + 16;
const RIGHT = at + 32;
const HERE = at + 48;
const SHOWN = at + 64;
const OBJECT = cacheKind({ name: 'contended', id: 11, words: 16, link: 15, inherits: [[0, 15]] });

let wrong = 0;
let sum = 0;

/** Adds one to both words, with time in between for somebody else to look. */
function addToBoth() {
  setWord(LEFT, word(LEFT) + 1);
  for (let n = 0; n < 20; n++) sum += n;
  setWord(RIGHT, word(RIGHT) + 1);
}

function check() {
  if (word(LEFT) !== word(RIGHT)) wrong++;
}

function read() {
  rwsem.downRead(LOCK, 0);
  check();
  rwsem.upRead(LOCK);
}

function write() {
  rwsem.downWrite(LOCK, 0);
  check();
  addToBoth();
  rwsem.upWrite(LOCK);
}

/** Worker 0 does its rounds; the others never leave it a quiet moment until it has. */
function alone(first, others) {
  if (me === 0) {
    first();
    atomics.add(SHOWN, 1);
  } else if (atomics.load(SHOWN) < rounds) {
    while (atomics.load(SHOWN) < rounds) others();
  }
}

const JOBS = {
  spinlock() {
    spinLock(LOCK, 0);
    check();
    addToBoth();
    spinUnlock(LOCK);
  },

  rwsem(round) {
    if ((round + me) % 4 !== 0) {
      rwsem.downRead(LOCK, 0);
      check();
      rwsem.upRead(LOCK);
      return;
    }
    rwsem.downWrite(LOCK, 0);
    check();
    addToBoth();
    if (round % 3 !== 0) return rwsem.upWrite(LOCK);
    rwsem.downgradeWrite(LOCK);
    check();
    rwsem.upRead(LOCK);
  },

  lone_reader: () => alone(read, write),
  lone_writer: () => alone(write, read),

  /** Every object belongs to one worker at a time. */
  slab(round) {
    const mine = [];
    for (let n = 0; n < 300; n++) {
      const object = cacheAlloc(OBJECT);
      if (!atomics.cas(object, 0, me + 1)) wrong++;
      mine.push(object);
    }
    for (const object of mine) {
      if (!atomics.cas(object, me + 1, 0)) wrong++;
      if (round % 2 === 0) cacheFree(OBJECT, object);
      else cacheFreeRcu(OBJECT, object);
    }
  },

  /** Worker 0 replaces what is shown; the others look, and what they saw stays what it is. */
  rcu: () => {
    if (me === 0) {
      const object = cacheAlloc(OBJECT);
      setWord(object, 1);
      const old = atomics.exchange(SHOWN, object);
      if (old === 0) return;
      cacheFreeRcu(OBJECT, old);
      return;
    }
    rcuReadLock();
    const object = atomics.load(SHOWN);
    if (object !== 0) {
      const stamp = word(object + 1);
      for (let n = 0; n < 50; n++) sum += n;
      // Only its next life writes this word: see below.
      if (word(object + 1) !== stamp) wrong++;
    }
    rcuReadUnlock();
  },
};

// Worker 0 of `rcu` marks each life of an object before it shows it.
let life = 0;
if (job === 'rcu' && me === 0) {
  const plain = JOBS.rcu;
  JOBS.rcu = (round) => {
    plain(round);
    life++;
    const next = cacheAlloc(OBJECT);
    setWord(next + 1, life);
    cacheFree(OBJECT, next);
  };
}

atomics.add(HERE, 1);
atomics.wakeAll(HERE);
for (let here = atomics.load(HERE); here < workerData.workers; here = atomics.load(HERE)) {
  atomics.wait(HERE, here);
}
for (let round = 0; round < rounds; round++) JOBS[job](round);
releaseCpu(cpu);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage({ wrong, sum });
