/**
 * Two workers in one address space: page faults of both, in VMAs of their own and in the same one,
 * and what a fault rate and a mapper have left of theirs beside a loop of mmap and munmap; in every
 * generation of the VMA lock. Then what a fault asks of the memory: atomic operations, bytes.
 *
 *     npm run build && node bench/parallel.mjs [--json] [--rounds COUNT] [--dist DIST]
 *
 *     --rounds COUNT   windows of each row that are kept, 3 ms each (default 40)
 *
 * Each worker is a thread of the process, pinned to a CPU of its own. A window counts if no worker
 * waited for its CPU for more than 2 % of it, as /proc/thread-self/schedstat says; of those, the
 * median. The mapper beside a reader of maps is in readers.mjs.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { versions } from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { QUIET } from './quiet.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '40' },
    dist: { type: 'string', default: 'dist' },
  },
});

const dist = pathToFileURL(`${resolve(options.dist)}/`).href;
const index = new URL('bundle/index.js', dist).href;
const { Machine } = await import(index);

const GENERATIONS = ['refcnt', 'typesafe', 'rwsem', 'off'];
const PAGE = 4096;
const PAGES = 512;
const ANON = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const FIXED = 0x10;
/** Where the memory lies: no two workers fault below the same page table. */
const AT = 2 ** 32;
const APART = 2 ** 30;
const THREAD = 0x10f00; // CLONE_THREAD and what it needs
const WINDOW_MS = 3;
const WARM_MS = 150;
/** So many windows are tried for one that counts, before a row is given up. */
const TRIES = 40;
/** Of the two workers, by their names in parallel/worker.mjs; what is counted is the first one's. */
const ROWS = {
  'write, alone': ['write', 'rest'],
  'write, own VMAs': ['write', 'write'],
  'write, same VMA': ['write in common', 'write in common'],
  'write, beside mmap': ['write', 'map'],
  'read, alone': ['read', 'rest'],
  'read, own VMAs': ['read', 'read'],
  'read, same VMA': ['read in common', 'read in common'],
  'read, beside mmap': ['read', 'map'],
  'mmap, alone': ['map', 'rest'],
  'mmap, both': ['map', 'map'],
};

/** Floor and target of the default. */
const AIMS = {
  'write, own VMAs': [1.8, 1.95],
  'write, same VMA': [1.25, 1.6],
  'write, kept beside mmap': [0.65, 0.8],
  'read, own VMAs': [1.8, 1.95],
  'read, kept beside mmap': [0.65, 0.8],
  'mmap, both': [0.85, 0.95],
};

const subjects = await Promise.all(GENERATIONS.map(startGeneration));
const rows = subjects.flatMap((subject) =>
  Object.entries(ROWS).map(([name, roles]) => ({ subject, name, roles, kept: [], tried: 0 })),
);
for (const row of rows) await takeWindow(row, WARM_MS);
for (let wanted = 1; wanted <= Number(options.rounds); wanted++) {
  for (const row of rows) await keepOne(row, wanted);
}
const first = rows[0].last;
for (const { workers } of subjects) await Promise.all(workers.map(endWorker));
const results = subjects.map(({ vmaLock }) => resultOf(vmaLock));
const counts = await countAll();

if (options.json) console.log(JSON.stringify(document(), null, 2));
else printAll();

/** A machine, a process with two threads, and their memory. */
async function startGeneration(vmaLock) {
  const sysctl = { max_map_count: 2 ** 20, totalram_pages: 2 ** 40 };
  const sizes = { bytes: 64 * 2 ** 20, ramBytes: 64 * 2 ** 20 };
  const machine = Machine.create({ ...sizes, sysctl, protocol: { vmaLock } });
  const process = machine.spawn();
  const map = (i, pages) => process.mmap(AT + i * APART, pages * PAGE, 3, ANON | FIXED, -1, 0);
  const [one, other, common] = [PAGES, PAGES, 2 * PAGES].map((pages, i) => map(i, pages));
  const barrier = new Int32Array(new SharedArrayBuffer(4));
  const shared = machine.share();
  const workers = [process.id, process.clone(THREAD).id].map((id, number) => {
    const own = number === 0 ? one : other;
    const workerData = { index, shared, id, own, common, pages: PAGES, number, barrier };
    return new Worker(new URL('parallel/worker.mjs', import.meta.url), { workerData });
  });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return { vmaLock, workers, round: 0 };
}

function send(worker, order) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
  worker.postMessage(order);
}

async function endWorker(worker) {
  send(worker, { role: 'end' });
  await once(worker, 'exit');
}

async function takeWindow({ subject, roles }, ms) {
  const round = ++subject.round;
  const answers = subject.workers.map((worker) => once(worker, 'message'));
  subject.workers.forEach((worker, i) => send(worker, { role: roles[i], round, ms }));
  return (await Promise.all(answers)).map(([answer]) => answer);
}

/** Until the row has as many windows as wanted, or is hopeless. */
async function keepOne(row, wanted) {
  while (row.kept.length < wanted && row.tried < wanted * TRIES) {
    row.last = await takeWindow(row, WINDOW_MS);
    row.tried++;
    if (row.last.every(({ delay }) => delay < QUIET)) row.kept.push(row.last);
  }
}

function rate({ times, ms }) {
  return times === 0 ? 0 : (times / ms) * 1000;
}

/** Operations a second, of each worker and of both. */
function rateOf({ kept, tried }) {
  const both = kept.map(([a, b]) => [rate(a), rate(b)]);
  const one = median(both.map(([a]) => a));
  const other = median(both.map(([, b]) => b));
  return { one, other, total: median(both.map(([a, b]) => a + b)), windows: kept.length, tried };
}

function median(list) {
  return list.length === 0 ? Number.NaN : list.toSorted((a, b) => a - b)[list.length >> 1];
}

function resultOf(vmaLock) {
  const mine = rows.filter(({ subject }) => subject.vmaLock === vmaLock);
  const rates = Object.fromEntries(mine.map((row) => [row.name, rateOf(row)]));
  const kept = (what) => rates[`${what}, beside mmap`].one / rates[`${what}, alone`].one;
  const scale = (name, alone) => rates[name].total / rates[alone].one;
  return {
    vmaLock,
    rates,
    ratios: {
      'write, own VMAs': scale('write, own VMAs', 'write, alone'),
      'write, same VMA': scale('write, same VMA', 'write, alone'),
      'write, kept beside mmap': kept('write'),
      'read, own VMAs': scale('read, own VMAs', 'read, alone'),
      'read, same VMA': scale('read, same VMA', 'read, alone'),
      'read, kept beside mmap': kept('read'),
      'mmap, both': scale('mmap, both', 'mmap, alone'),
    },
  };
}

async function countAll() {
  const workerData = { dist, generations: GENERATIONS };
  const worker = new Worker(new URL('parallel/count.mjs', import.meta.url), { workerData });
  const [answer] = await once(worker, 'message');
  await once(worker, 'exit');
  return answer;
}

/** How much faster faults beside mmap are than where mmap_lock is the only lock. */
function againstOff(what) {
  const besideMmap = (vmaLock) =>
    results.find((result) => result.vmaLock === vmaLock).rates[`${what}, beside mmap`].one;
  return besideMmap('refcnt') / besideMmap('off');
}

function document() {
  const against = { write: againstOff('write'), read: againstOff('read') };
  const conditions = { pinned: first.every((answer) => answer.isPinned), quiet: first[0].canTell };
  return { node: versions.node, conditions, results, againstOff: against, counts };
}

function printAll() {
  const { pinned, quiet } = document().conditions;
  const cpus = availableParallelism();
  console.log(`Node ${versions.node}, ${cpus} CPUs${cpus < 2 ? ': too few for two workers' : ''}`);
  if (!pinned) console.log('The workers are not pinned: there is no taskset.');
  if (!quiet) console.log('All windows count: this system does not say who waited for a CPU.');
  printRates();
  printRatios();
  printCounts();
}

function line(name, cells) {
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(16)).join(''));
}

function thousands(each) {
  return (each / 1000).toFixed(0);
}

function printRates() {
  line('thousands a second', GENERATIONS);
  for (const name of Object.keys(ROWS)) {
    const cells = results.map(({ rates }) => {
      const { one, other, windows, tried } = rates[name];
      const both = other === 0 ? thousands(one) : `${thousands(one)}+${thousands(other)}`;
      return windows === 0 ? `none of ${tried}` : both;
    });
    line(name, cells);
  }
  const windows = rows.reduce((sum, { kept }) => sum + kept.length, 0);
  const tried = rows.reduce((sum, row) => sum + row.tried, 0);
  console.log(`${windows} of ${tried} windows count`);
}

function printRatios() {
  line('\ntotal of both to one; share kept', ['', '', '', '', 'floor', 'target']);
  for (const name of Object.keys(results[0].ratios)) {
    const aims = (AIMS[name] ?? []).map(String);
    line(name, [...results.map(({ ratios }) => ratios[name].toFixed(2)), ...aims]);
  }
  for (const [what, floor, target] of [
    ['write', '', '2'],
    ['read', '2', '4'],
  ]) {
    const cells = [againstOff(what).toFixed(2), '', '', '', floor, target];
    line(`${what} beside mmap, refcnt to off`, cells);
  }
}

function bytes(name) {
  return counts.map((count) => count.bytes[name].toFixed(0));
}

function printCounts() {
  line('\natomic operations of a fault', []);
  for (const what of ['write', 'read', 'copy']) {
    for (const { vmaLock, atomics } of counts) {
      const kinds = Object.entries(atomics[what]);
      const sum = kinds.reduce((all, [, count]) => all + count, 0);
      const text = kinds.map(([kind, count]) => `${count} ${kind}`).join(', ');
      console.log(`  ${what.padEnd(6)} ${vmaLock.padEnd(10)} ${String(sum).padStart(3)}: ${text}`);
    }
  }
  line('\nbytes of a VMA', GENERATIONS);
  line('record', bytes('record'));
  line('  of these, its lock', bytes('lock'));
  line('tree, per VMA of 10,000', bytes('tree'));
  line('records made by 10,000 pairs', bytes('carved'));
}
