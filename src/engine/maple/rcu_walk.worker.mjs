/**
 * Reads a tree with no lock while rcu_walk.test.ts changes it, and checks what it sees.
 * Plain JavaScript, since a worker cannot load TypeScript; takes the built engine.
 */
import { parentPort, workerData } from 'node:worker_threads';

const { dist, buffer, tree, control, ranges, lookups } = workerData;
const { openArena } = await import(`${dist}engine/arena/arena.js`);
const { claimCpu, useCpu } = await import(`${dist}engine/arena/cpu.js`);
const { setWord, useMemory, word } = await import(`${dist}engine/arena/memory.js`);
const { rcuReadLock, rcuReadUnlock } = await import(`${dist}engine/rcu/rcu.js`);
const maple = await import(`${dist}engine/maple/maple.js`);
const { masFind, masPrev, masState, mtreeLoad } = maple;

useMemory(openArena(buffer));
useCpu(claimCpu());

// As the writer has it: an entry is a range number * 64, plus how many ranges it may cover.
const first = (entry) => Math.floor(entry / 64);
const end = (entry) => first(entry) + (entry % 64);
const isLasting = (range) => range % 3 !== 0;
const isIn = (entry, range) => first(entry) <= range && range < end(entry);

let state = 1;
function random(below) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return state % below;
}

const wrong = [];
let seen = 0;
let absent = 0;

function look() {
  const range = random(ranges);
  const entry = mtreeLoad(tree, range * 10 + random(10));
  seen++;
  if (entry === 0) {
    absent++;
    if (isLasting(range)) wrong.push(`range ${range} was never away, and was not found`);
  } else if (!isIn(entry, range)) wrong.push(`range ${range} gave entry ${entry}`);
}

/** The ranges between two steps that are never away. */
function skipped(from, to) {
  for (let range = Math.ceil(from / 10); range * 10 + 9 < to; range++) {
    if (isLasting(range)) wrong.push(`a step passed over range ${range}`);
  }
}

function checkStep(mas, entry) {
  const isWhole = isIn(entry, Math.floor(mas.index / 10)) && isIn(entry, Math.floor(mas.last / 10));
  if (!isWhole) wrong.push(`entry ${entry} stood at ${mas.index}-${mas.last}`);
}

function walkUp() {
  let from = random(ranges) * 10;
  const mas = masState(tree, from, from);
  for (let n = 0; n < 60; n++) {
    const entry = masFind(mas, ranges * 10 - 1);
    if (entry === 0) return skipped(from, ranges * 10);
    checkStep(mas, entry);
    if (n > 0 && mas.index < from) wrong.push(`up to ${mas.index} from ${from}`);
    skipped(from, mas.index);
    from = mas.last + 1;
  }
}

function walkDown() {
  let to = random(ranges) * 10;
  const mas = masState(tree, to, to);
  for (let n = 0; n < 60; n++) {
    const entry = masPrev(mas, 0);
    if (entry === 0) return;
    checkStep(mas, entry);
    if (mas.last >= to + (n === 0 ? 10 : 0)) wrong.push(`down to ${mas.last} from ${to}`);
    if (n > 0) skipped(mas.last + 1, to);
    to = mas.index;
  }
}

setWord(control, 1); // reading; the writer sets 2 when it has done enough
while ((seen < lookups || word(control) !== 2) && wrong.length === 0) {
  rcuReadLock();
  for (let n = 0; n < 40; n++) look();
  if (random(4) === 0) walkUp();
  if (random(4) === 0) walkDown();
  rcuReadUnlock();
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage({ seen, absent, wrong: wrong.slice(0, 5) });
