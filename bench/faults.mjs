/**
 * What page faults cost, and what comes without one: the engine's figure beside the live kernel's
 * for the same pattern, in one run, their samples taken in turn. Nanoseconds.
 *
 *     npm run build && node bench/faults.mjs [--json] [--alone] [--others COUNT] [--dist DIST]
 *
 *     --others COUNT   beside so many more mappings, here and in the kernel
 *     --alone          without the kernel: for profiles
 *     --only KEYS      rows, by the names of faults/engine.mjs, with commas
 *
 * `floor` and `target` are ratios, the kernel's time divided by the engine's. Where there is no
 * Linux or no gcc, the engine's figures stand alone.
 */
import { resolve } from 'node:path';
import { versions } from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startEngine } from './faults/engine.mjs';
import { compare, printTable } from './beside_kernel.mjs';
import { startKernel, whyNoKernel } from './kernel.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    others: { type: 'string', default: '0' },
    dist: { type: 'string', default: 'dist/bundle' },
    rounds: { type: 'string', default: '60' },
    only: { type: 'string' },
  },
});

/** Names, in the order of the table; floors and targets as ratios to the kernel. */
const ROWS = [
  { key: 'writeFault', name: 'anonymous write fault, zeroed', floor: 2.5, target: 4.5 },
  { key: 'readFault', name: 'anonymous read fault, zero page', floor: 3, target: 6 },
  { key: 'cowFault', name: 'COW fault after fork, copied', floor: 2.5, target: 4 },
  { key: 'reuseFault', name: 'COW fault, child gone, reused' },
  { key: 'touchDrop', name: 'touch + MADV_DONTNEED, 1 page', floor: 3, target: 7 },
  { key: 'dropBulk', name: 'MADV_DONTNEED, 32 MiB, per page', floor: 10, target: 25 },
  { key: 'populate', name: 'MAP_POPULATE, 4 MiB, per page' },
  { key: 'mapTouchUnmap', name: 'mmap + touch + munmap, 1 page', floor: 2.5, target: 5 },
  { key: 'forkPages', name: 'fork, per page present', floor: 1.5, target: 2.5 },
  { key: 'fileRead', name: 'file read fault, shared, per page' },
  { key: 'fileWrite', name: 'file write fault, shared' },
  { key: 'fileCopy', name: 'file write fault, private' },
  { key: 'load', name: 'load, 4 bytes, through the TLB' },
  { key: 'store', name: 'store, 4 bytes, through the TLB' },
];

const { Machine } = await import(
  new URL('index.js', pathToFileURL(`${resolve(options.dist)}/`)).href
);
const others = Number(options.others);
const rows = ROWS.filter(({ key }) => (options.only ?? key).split(',').includes(key));
const missing = options.alone ? 'it was not asked' : whyNoKernel();
const source = new URL('faults/kernel.c', import.meta.url);
const kernel = missing === null ? startKernel(source, [others]) : null;
const engine = startEngine(Machine, others);
const rounds = Number(options.rounds);
const results = await compare(
  rows.map((row) => ({
    row,
    engine: engine[row.key],
    kernel: kernel && (() => kernel.run(row.key)),
  })),
  rounds,
);
kernel?.stop();

if (options.json) {
  console.log(JSON.stringify({ node: versions.node, others, missing, results }, null, 2));
} else {
  if (missing !== null) console.log(`Without the kernel's figures: ${missing}.`);
  printTable(results);
}
