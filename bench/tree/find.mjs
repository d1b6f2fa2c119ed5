/**
 * How long a lookup of a random index takes, at 1k, 10k and 60k ranges; an erase with the
 * insert that undoes it; a search for a gap; a step of a cursor. One pattern at a time, so
 * that the caches hold what it needs. Prints nanoseconds, the tenth percentile and the median.
 *
 *     npm run build && node bench/tree/find.mjs [DIST]
 */
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const dist = pathToFileURL(`${resolve(process.argv[2] ?? 'dist')}/`);
const { createArena, takeWords } = await import(new URL('engine/arena/arena.js', dist));
const { claimCpu, useCpu } = await import(new URL('engine/arena/cpu.js', dist));
const maple = await import(new URL('engine/maple/maple.js', dist));
const { masEmptyAreaRev, masFind, masState, masStoreGfp, MT_MAX, mtInit, mtreeLoad } = maple;

const PAGE = 4096;
const BASE = 0x10000;
const STRIDE = 16 * PAGE;
const LENGTH = 8 * PAGE;
const WARM = 30;
const SAMPLES = 90;

createArena(256 * 1024 * 1024);
useCpu(claimCpu());
let sink = 0;

/** `count` ranges with a gap behind each, stored in random order or upwards. */
function plant(count, order) {
  const tree = takeWords(64);
  mtInit(tree);
  const starts = Float64Array.from({ length: count }, (_, i) => BASE + i * STRIDE);
  const sequence = [...starts.keys()];
  if (order === 'random') shuffle(sequence);
  for (const i of sequence) {
    masStoreGfp(masState(tree, starts[i], starts[i] + LENGTH - 1), i + 1);
  }
  return { tree, starts, queries: queriesIn(starts) };
}

function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}

const queriesIn = (starts) =>
  Float64Array.from({ length: 8192 }, () => {
    const start = starts[Math.floor(Math.random() * starts.length)];
    return start + Math.floor(Math.random() * LENGTH);
  });

/** Each returns how many operations it did. */
const PATTERNS = {
  find({ tree, queries }) {
    let sum = 0; // a number of the module's would be boxed at each addition
    for (let i = 0; i < queries.length; i++) sum += mtreeLoad(tree, queries[i]);
    sink += sum;
    return queries.length;
  },
  'erase+insert'({ tree, starts }) {
    for (let n = 0; n < 1000; n++) {
      const i = Math.floor(Math.random() * starts.length);
      const last = starts[i] + LENGTH - 1;
      masStoreGfp(masState(tree, starts[i], last), 0);
      masStoreGfp(masState(tree, starts[i], last), i + 1);
    }
    return 1000;
  },
  replace({ tree, starts }) {
    for (let n = 0; n < 1000; n++) {
      const i = Math.floor(Math.random() * starts.length);
      masStoreGfp(masState(tree, starts[i], starts[i] + LENGTH - 1), i + 1);
    }
    return 1000;
  },
  'gap from top'({ tree, starts }) {
    for (let n = 0; n < 1000; n++) {
      const max = starts[Math.floor(Math.random() * starts.length)];
      sink += masEmptyAreaRev(masState(tree, 0, 0), { min: 0, max, size: LENGTH });
    }
    return 1000;
  },
  'step of find'({ tree, starts }) {
    const mas = masState(tree, 0, 0);
    let sum = 0;
    for (let i = 0; i < starts.length; i++) sum += masFind(mas, MT_MAX);
    sink += sum;
    return starts.length;
  },
};

function measure(planted, pattern) {
  const taken = [];
  for (let round = 0; round < WARM + SAMPLES; round++) {
    const begin = performance.now();
    const operations = pattern(planted);
    taken.push(((performance.now() - begin) * 1e6) / operations);
  }
  return taken.slice(WARM).toSorted((a, b) => a - b);
}

for (const order of ['random', 'upwards']) {
  for (const count of [1000, 10_000, 60_000]) {
    const planted = plant(count, order);
    const { height, fill } = maple.treeStats(planted.tree);
    console.log(`${count} ranges, ${order}: height ${height}, fill ${fill.toFixed(2)}`);
    for (const [name, pattern] of Object.entries(PATTERNS)) {
      const taken = measure(planted, pattern);
      const [p10, median] = [0.1, 0.5].map((q) => taken[Math.floor(taken.length * q)].toFixed(1));
      console.log(`  ${name.padEnd(14)} p10 ${p10.padStart(7)}  median ${median.padStart(7)}`);
    }
  }
}
if (sink === 0) console.log('nothing was found');
