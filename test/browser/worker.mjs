// A worker of a page: attaches to its machine, and does one thing to one process.
import { Machine, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from './bundle/index.js';

const P = 4096;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

/** Stores to a word of its own and to pages of its own; counts what it did not find again. */
function stores(process, { at, number }) {
  let lost = 0;
  for (let i = 0; i < 100_000; i++) {
    process.store(at + number * 4, i);
    if (process.load(at + number * 4) !== i) lost++;
    if (i % 1000 === 0) process.store(at + (1 + number * 16 + ((i / 1000) % 16)) * P, i);
  }
  return { number, lost };
}

/** A child sees one moment: nothing that a worker stores later. */
function forks(process, { at }) {
  let moving = 0;
  for (let round = 0; round < 30; round++) {
    const child = process.fork();
    const seen = child.load(at);
    for (let i = 0; i < 50; i++) if (child.load(at) !== seen) moving++;
    child.exit();
  }
  return { moving };
}

/**
 * Replaces, protects and unprotects pages that are this worker's alone, so it knows what they hold.
 * Each is always mapped; the neighbours in the tree are those of the other worker.
 */
function faults(process, { at, pages, rounds }) {
  const seen = { lost: 0, gaps: 0, granted: 0 };
  for (let round = 0; round < rounds; round++) {
    const page = at + (round % pages) * P;
    process.mmap(page, P, 3, FIXED, -1, 0);
    if (process.load(page) !== 0) seen.lost++;
    process.store(page, round + 1);
    process.mprotect(page, P, 1);
    if (process.store(page, 7) === 0) seen.granted++;
    process.mprotect(page, P, 3);
    if (process.load(page) !== round + 1) seen.lost++;
    if (typeof process.procmapQuery({ addr: page }) === 'number') seen.gaps++;
  }
  return seen;
}

/** Looks at all pages: what is mapped at all times is there each time. */
function reads(process, { at, pages, rounds }) {
  const seen = { unmapped: 0, gapsInMaps: 0, gapsInQueries: 0, looks: 0 };
  for (let round = 0; round < rounds; round++) {
    const addr = at + (round % pages) * P;
    if (process.touch(addr, 'read') !== 'done') seen.unmapped++;
    if (typeof process.procmapQuery({ addr }) === 'number') seen.gapsInQueries++;
    if (round % 8 === 0 && hasGap(process.maps(), at, pages)) seen.gapsInMaps++;
    seen.looks++;
  }
  return seen;
}

function hasGap(maps, at, pages) {
  let next = at;
  for (const [, from, to] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gmu)) {
    if (parseInt(from, 16) <= next) next = Math.max(next, parseInt(to, 16));
  }
  return next < at + pages * P;
}

/** Holds mmap_lock for long, again and again: a fork copies a large address space under it. */
function holds(process, { rounds }) {
  for (let round = 0; round < rounds; round++) process.fork().exit();
  return { rounds };
}

const JOBS = { stores, forks, faults, reads, holds };

addEventListener('message', ({ data }) => {
  const machine = Machine.attach(data.shared);
  const result = JOBS[data.job](machine.process(data.id), data);
  machine.detach();
  postMessage(result, []);
});
