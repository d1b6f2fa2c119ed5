/**
 * What forks, exits and failing forks cost, beside the live kernel in one run; and what a recovery
 * does in either generation.
 *
 *     npm run build && node bench/fork.mjs [--json] [--alone] [--dist DIST] [--rounds COUNT]
 *
 *     --alone   without the kernel: for profiles
 *
 * A fork that fails is refused the memory of one VMA, the first, the middle or the last of 1,000:
 * in the kernel by the heuristic for overcommitting, here by Machine.failFork(). The kernel is the
 * one that runs, and has one way to recover; it stands beside both of ours.
 */
import { resolve } from 'node:path';
import { versions } from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { compare, printTable } from './beside_kernel.mjs';
import { startKernel, whyNoKernel } from './kernel.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    dist: { type: 'string', default: 'dist/bundle' },
    rounds: { type: 'string', default: '40' },
  },
});

const PAGE = 4096;
const BASE = 0x200000000000;
const READ_WRITE = 3;
const ANON_FIXED = 0x32;
/** Freed nodes of the tree are used again after as many forks. */
const UNTIMED = 8;

/** `vmas` mappings of `pages` pages each; 0: of one that was never written. */
const ROWS = [
  { key: 'forkVmas', name: 'fork, per VMA, of 10,000', act: 'fork', vmas: 10_000, pages: 0 },
  { key: 'forkPages', name: 'fork, per page present, of 8,192', act: 'fork', vmas: 1, pages: 8192 },
  { key: 'exitVmas', name: 'exit, per VMA, of 10,000', act: 'exit', vmas: 10_000, pages: 0 },
  { key: 'exitPages', name: '... with a page each', act: 'exit', vmas: 10_000, pages: 1 },
];

/** One that fails, for each place and generation. */
const FAILURES = [0, 500, 999].flatMap((limitAt) =>
  ['tree-limit', 'xa-zero'].map((forkRecovery) => {
    const name = `fork that fails behind ${limitAt} VMAs, ${forkRecovery}`;
    const key = `fail ${limitAt} ${forkRecovery}`;
    return { key, name, act: 'fail', vmas: 1000, pages: 0, limitAt, forkRecovery };
  }),
);

const { Machine } = await import(
  new URL('index.js', pathToFileURL(`${resolve(options.dist)}/`)).href
);
const sysctl = { max_map_count: 2 ** 20, totalram_pages: 2 ** 40 };
const machineOf = Object.fromEntries(
  ['tree-limit', 'xa-zero'].map((forkRecovery) => [
    forkRecovery,
    Machine.create({ bytes: 64 * 2 ** 20, sysctl, protocol: { forkRecovery } }),
  ]),
);

function furnish(machine, { vmas, pages }) {
  const process = machine.spawn();
  process.ignoreChildren(); // nobody waits for them
  const size = Math.max(pages, 1);
  for (let i = 0; i < vmas; i++) {
    const at = BASE + i * (size + 1) * PAGE;
    process.mmap(at, size * PAGE, READ_WRITE, ANON_FIXED, -1, 0);
    for (let page = 0; page < pages; page++) process.store(at + page * PAGE, 1, 1);
  }
  return process;
}

/** What the engine times, of one row. */
function engineOf(row) {
  const machine = machineOf[row.forkRecovery ?? 'tree-limit'];
  const subject = furnish(machine, row);
  let child;
  const fork = () => void (child = subject.fork());
  const end = () => child.exit();
  const times = row.vmas * Math.max(row.pages, 1);
  if (row.act === 'fork') return { times, run: fork, after: end };
  if (row.act === 'exit') return { times: row.vmas, before: fork, run: end };
  const refuse = () => machine.failFork('charge', row.limitAt);
  // Some that are not timed: what the row before left in the caches differs from row to row.
  const before = () => {
    for (let i = 0; i < UNTIMED; i++) {
      refuse();
      fork();
    }
    refuse();
  };
  return { times: 1, before, run: fork };
}

const SOURCE = new URL('fork/kernel.c', import.meta.url);
const kernels = [];

function kernelOf({ act, vmas, pages, limitAt = -1 }) {
  if (missing !== null) return null;
  // There the VMA that is refused comes on top of the others.
  const kernel = startKernel(SOURCE, [act === 'fail' ? vmas - 1 : vmas, pages, limitAt]);
  kernels.push(kernel);
  const times = act === 'fork' ? vmas * Math.max(pages, 1) : act === 'exit' ? vmas : 1;
  return async () => (await kernel.run(act)) / times;
}

/** What a recovery does: stores into the tree from the failure on, and VMAs given back. */
function recoveryOf({ key, vmas, limitAt, forkRecovery }) {
  const machine = machineOf[forkRecovery];
  const process = furnish(machine, { vmas, pages: 0 });
  const happens = (event) => {
    const before = machine.readTrace().at(-1)?.seq ?? -1;
    machine.trace([event]);
    machine.failFork('charge', limitAt);
    process.fork();
    machine.trace([]);
    return machine.readTrace().filter(({ seq }) => seq > before).length;
  };
  // Each VMA that was copied has been stored.
  const recovery = { key, stores: happens('tree_store') - limitAt, frees: happens('vm_area_free') };
  process.exit();
  return recovery;
}

const missing = options.alone ? 'it was not asked' : whyNoKernel();
const rows = [...ROWS, ...FAILURES].map((row) => ({
  row,
  engine: engineOf(row),
  kernel: kernelOf(row),
}));
const results = await compare(rows, Number(options.rounds));
const recoveries = FAILURES.map(recoveryOf);
for (const kernel of kernels) kernel.stop();

if (options.json) {
  console.log(JSON.stringify({ node: versions.node, missing, results, recoveries }, null, 2));
} else {
  if (missing !== null) console.log(`Without the kernel's figures: ${missing}.`);
  printTable(results);
  console.log('\nstores into the tree, and VMAs freed, from the failure on');
  for (const [i, { stores, frees }] of recoveries.entries()) {
    console.log(
      `${FAILURES[i].name.padEnd(40)}${String(stores).padStart(11)}${String(frees).padStart(11)}`,
    );
  }
}
