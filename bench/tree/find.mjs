/**
 * How long mtreeLoad() takes on random indexes, and an erase with the insert that undoes
 * it, at 1k, 10k and 60k ranges. Prints nanoseconds; p10 and median of interleaved samples.
 *
 *     npm run build && node bench/tree/find.mjs [DIST]
 */
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const dist = pathToFileURL(resolve(process.argv[2] ?? 'dist') + '/');
const { createArena, takeWords } = await import(new URL('engine/arena/arena.js', dist));
const { claimCpu, useCpu } = await import(new URL('engine/arena/cpu.js', dist));
const maple = await import(new URL('engine/maple/maple.js', dist));
const { masEmptyAreaRev, masFind, masState, masStoreGfp, mtInit, mtreeLoad, treeStats } = maple;

const PAGE = 4096;
const BASE = 0x10000;
const STRIDE = 16 * PAGE;
const LENGTH = 8 * PAGE;
const SAMPLES = 60;

createArena(256 * 1024 * 1024);
useCpu(claimCpu());

/** Ranges with a gap after every fourth, stored in random order or upwards. */
function plant(count, order) {
  const tree = takeWords(64);
  mtInit(tree);
  const starts = Float64Array.from({ length: count }, (_, i) => BASE + i * STRIDE);
  const sequence = Array.from(starts.keys());
  if (order === 'random') shuffle(sequence);
  for (const i of sequence) {
    const length = i % 4 === 3 ? LENGTH : STRIDE;
    masStoreGfp(masState(tree, starts[i], starts[i] + length - 1), i + 1);
  }
  return { tree, starts, count, order, queries: queriesIn(starts) };
}

function queriesIn(starts) {
  const queries = new Float64Array(1 << 16);
  for (let i = 0; i < queries.length; i++) {
    queries[i] = starts[Math.floor(Math.random() * starts.length)] + Math.floor(Math.random() * LENGTH);
  }
  return queries;
}

function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}

let sink = 0;

const PATTERNS = {
  find({ tree, queries }, round) {
    const from = (round * 8192) % queries.length;
    for (let i = from; i < from + 8192; i++) sink += mtreeLoad(tree, queries[i]);
    return 8192;
  },
  'erase+insert'({ tree, starts }) {
    for (let n = 0; n < 1000; n++) {
      const i = Math.floor(Math.random() * starts.length);
      const last = starts[i] + (i % 4 === 3 ? LENGTH : STRIDE) - 1;
      masStoreGfp(masState(tree, starts[i], last), 0);
      masStoreGfp(masState(tree, starts[i], last), i + 1);
    }
    return 1000;
  },
  iterate({ tree, count }) {
    const mas = masState(tree, 0, 0);
    for (let entry = masFind(mas, Infinity); entry !== 0; entry = masFind(mas, Infinity)) sink += entry;
    return count;
  },
  'gap search'({ tree, starts }) {
    for (let n = 0; n < 1000; n++) {
      const top = starts[Math.floor(Math.random() * starts.length)];
      sink += masEmptyAreaRev(masState(tree, 0, 0), { min: 0, max: top, size: LENGTH });
    }
    return 1000;
  },
};

const trees = [];
for (const count of [1000, 10_000, 60_000]) {
  for (const order of ['random', 'upwards']) trees.push(plant(count, order));
}

for (const [name, pattern] of Object.entries(PATTERNS)) {
  const samples = trees.map(() => []);
  for (let round = 0; round < SAMPLES + 20; round++) {
    for (const [t, tree] of trees.entries()) {
      const begin = process.hrtime.bigint();
      const operations = pattern(tree, round);
      const took = Number(process.hrtime.bigint() - begin) / operations;
      if (round >= 20) samples[t].push(took);
    }
  }
  for (const [t, { tree, count, order }] of trees.entries()) {
    const sorted = samples[t].sort((a, b) => a - b);
    const { height, fill } = treeStats(tree);
    const [p10, median] = [0.1, 0.5].map((q) => sorted[Math.floor(sorted.length * q)].toFixed(1));
    const shape = `${order}, height ${height}, fill ${fill.toFixed(2)}`;
    console.log(`${name.padEnd(14)} ${String(count).padStart(6)}  p10 ${p10}  median ${median}  (${shape})`);
  }
}
if (sink === 0) console.log('nothing was found');
