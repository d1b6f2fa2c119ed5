/** Runs the pack against an implementation: node example_runner.mjs [--adapter A.mjs] PACK... */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const names = process.argv.slice(2);
const path = names[0] === '--adapter' ? names.splice(0, 2)[1] : null;
const own = new URL('vmaspace_adapter.mjs', import.meta.url);
const { adapter } = await import(path === null ? own : pathToFileURL(resolve(path)));

/** One operation; a repeat stops at its first failure and counts what succeeded before. */
function run(world, { p, op }) {
  const [name, ...words] = op.split(' ');
  if (name !== 'repeat') return world.run(p, name, words);
  const [times, stride, call, first, ...rest] = words;
  for (let done = 0; ; done++) {
    const at = String(BigInt(first) + BigInt(stride) * BigInt(done));
    const outcome = world.run(p, call, [at, ...rest]);
    if (outcome === null || outcome.r < 0) return outcome && { ...outcome, done };
    if (done + 1 === Number(times)) return { ...outcome, done: done + 1 };
  }
}

const number = (r) => (typeof r === 'string' ? parseInt(r, 16) : r); // an address is in hex
const rows = (vmas) => vmas?.map((vma) => vma.slice(0, 5).join(' ')).join('\n'); // no flags, sizes

/** What differs after a step; what the implementation leaves out is not compared. */
function differences(step, outcome, { world, last }) {
  if (step.vmas !== undefined) last.set(step.p, rows(step.vmas));
  const vmas = step.op === 'exit' ? undefined : world.vmas(step.p);
  const isChild = /^\w+ \d+$/u.test(step.r); // of a fork: no number to compare
  return [
    ...['t', 'v', 'totals', 'done'].map((key) => [key, step[key], outcome[key]]),
    ['r', isChild ? undefined : number(step.r), outcome.r],
    ['n', step.n, vmas?.filter((vma) => vma[4] !== '[heap]').length],
    ['vmas', step.n === undefined ? last.get(step.p) : undefined, rows(vmas)],
  ]
    .filter(([, a, b]) => a !== undefined && b !== undefined && String(a) !== String(b))
    .map(([key, a, b]) => `  ${step.op}\n  ${key}: the kernel ${a}, here ${b}\n`);
}

/** Stops at the first step that differs, or that the implementation does not know. */
function verdict({ name, says, uid, steps }, header) {
  const [world, last] = [adapter.start({ ...header, uid }), new Map()];
  for (const step of steps) {
    const outcome = run(world, step);
    if (outcome === null) return 'skipped';
    const differ = differences(step, outcome, { world, last });
    if (differ.length > 0) console.log(`${name}: ${says}\n${differ.join('')}`);
    if (differ.length > 0) return 'disagreed';
  }
  return 'agreed';
}

const packs = names.map((name) => readFileSync(name, 'utf8').trim().split('\n').map(JSON.parse));
const all = packs.flatMap(([header, ...scenarios]) => scenarios.map((one) => verdict(one, header)));
const count = (wanted) => `${all.filter((one) => one === wanted).length} ${wanted}`;
console.log([count('agreed'), count('disagreed'), count('skipped')].join(', '));
process.exitCode = all.includes('disagreed') ? 1 : 0;
