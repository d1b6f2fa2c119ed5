/**
 * How long a lookup of a random index takes, at 1k, 10k and 60k ranges; an erase with the
 * insert that undoes it; a search for a gap; a step of a cursor. One pattern at a time, so
 * that the caches hold what it needs. Prints nanoseconds, the tenth percentile and the median.
 *
 *     npm run build && node bench/tree/find.mjs [DIST]
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { print, sample } from '../sample.mjs';

const dist = pathToFileURL(`${resolve(process.argv[2] ?? 'dist')}/`);
const { createArena, takeWords } = await import(new URL('engine/arena/arena.js', dist));
const { claimCpu, useCpu } = await import(new URL('engine/arena/cpu.js', dist));
const maple = await import(new URL('engine/maple/maple.js', dist));
const { masEmptyAreaRev, masFind, masState, masStoreGfp, MT_MAX, mtInit, mtreeLoad } = maple;

const PAGE = 4096;
const BASE = 0x10000;
const STRIDE = 16 * PAGE;
const LENGTH = 8 * PAGE;
const QUERIES = 8192;

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
  Float64Array.from({ length: QUERIES }, () => {
    const start = starts[Math.floor(Math.random() * starts.length)];
    return start + Math.floor(Math.random() * LENGTH);
  });

/** What is done to a tree, `times` times. */
const patternsOn = ({ tree, starts, queries }) => ({
  find(times) {
    let sum = 0; // a number of the module's would be boxed at each addition
    for (let i = 0; i < times; i++) sum += mtreeLoad(tree, queries[i & (QUERIES - 1)]);
    sink += sum;
  },
  'erase + insert'(times) {
    for (let n = 0; n < times; n++) {
      const i = Math.floor(Math.random() * starts.length);
      const last = starts[i] + LENGTH - 1;
      masStoreGfp(masState(tree, starts[i], last), 0);
      masStoreGfp(masState(tree, starts[i], last), i + 1);
    }
  },
  replace(times) {
    for (let n = 0; n < times; n++) {
      const i = Math.floor(Math.random() * starts.length);
      masStoreGfp(masState(tree, starts[i], starts[i] + LENGTH - 1), i + 1);
    }
  },
  'gap from top'(times) {
    for (let n = 0; n < times; n++) {
      const max = starts[Math.floor(Math.random() * starts.length)];
      sink += masEmptyAreaRev(masState(tree, 0, 0), { min: 0, max, size: LENGTH });
    }
  },
  'step of find'(times) {
    let mas = masState(tree, 0, 0);
    let sum = 0;
    for (let n = 0; n < times; n++) {
      const entry = masFind(mas, MT_MAX);
      if (entry === 0) mas = masState(tree, 0, 0);
      sum += entry;
    }
    sink += sum;
  },
});

for (const order of ['random', 'upwards']) {
  for (const count of [1000, 10_000, 60_000]) {
    const planted = plant(count, order);
    const { height, fill } = maple.treeStats(planted.tree);
    console.log(`${count} ranges, ${order}: height ${height}, fill ${fill.toFixed(2)}`);
    // One at a time, so that the caches hold what it needs.
    for (const [name, pattern] of Object.entries(patternsOn(planted))) {
      print(sample({ [name]: pattern }), 1);
    }
  }
}
if (sink === 0) console.log('nothing was found');
