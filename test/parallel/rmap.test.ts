/** Two processes split and merge their mappings of one file while a third worker walks them. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { made } from '../made.ts';

const P = 4096;
const FILE_AT = 0x200000000000;
const ANON_AT = 0x210000000000;
const PAGES = 64;
const CHANGES = 40_000;
const SEED = Number(process.env['SEED'] ?? 1);

it(`1.3 a walk of a file, or of an anon_vma, misses no VMA of a split or a merge; SEED=${SEED}`, async () => {
  const machine = Machine.create({ sysctl: { totalram_pages: 1e9 } });
  const fd = machine.open({ kind: 'regular', path: '/f', size: PAGES * P, writable: true });
  const parent = machine.spawn();
  parent.mmap(FILE_AT, PAGES * P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  const anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  parent.mmap(ANON_AT, PAGES * P, PROT_READ | PROT_WRITE, anonymous, -1, 0);
  parent.touch(ANON_AT, 'write');
  const child = made(parent.fork());

  const ids = [parent.id, child.id];
  const status = new Int32Array(new SharedArrayBuffer(64));
  status[0] = ids.length;
  const places = { fd, fileAt: FILE_AT, anonAt: ANON_AT, pages: PAGES };
  const job = { shared: machine.share(), ids, changes: CHANGES, status, ...places };
  const ended = [0, 1, 2].map((me) => {
    const workerData = { ...job, me, seed: SEED * 1000 + me };
    const worker = new Worker(new URL('./rmap.worker.mjs', import.meta.url), { workerData });
    // Who dies would leave the walker waiting for it.
    const failed = (): void => void Atomics.store(status, 0, 0);
    return new Promise((resolve, reject) => {
      worker.on('exit', resolve).on('error', reject).on('error', failed);
    });
  });
  expect(await Promise.all(ended)).toEqual([0, 0, 0]);

  const [running, walks, missing, twice, failures] = status;
  expect({ running, missing, twice, failures }).toEqual({
    running: 0,
    missing: 0,
    twice: 0,
    failures: 0,
  });
  expect(walks, 'the walker was at work meanwhile').toBeGreaterThan(100);
  for (const process of [parent, child]) {
    process.verify();
    process.exit();
  }
  machine.tearDown();
});
