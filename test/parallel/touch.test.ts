/** Two workers write to the same fresh memory: each VMA gets one anon_vma, once. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const P = 4096;
const START = 0x200000000000;
const PAGES = 256;
const ROUNDS = 60;
const RW = PROT_READ | PROT_WRITE;

it('S1.3 the first write to a VMA links one anon_vma, whoever comes first', async () => {
  const machine = Machine.create();
  const process = machine.spawn();
  const status = new Int32Array(new SharedArrayBuffer(64));
  const workerData = {
    shared: machine.share(),
    id: process.id,
    start: START,
    pages: PAGES,
    rounds: ROUNDS,
    status,
  };
  const worker = new Worker(new URL('./touch.worker.mjs', import.meta.url), { workerData });
  const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));

  for (let round = 1; round <= ROUNDS; round++) {
    // One VMA a page: neighbours differ, and no two share an anon_vma through their flags.
    for (let page = 0; page < PAGES; page++) {
      const prot = page % 2 === 0 ? RW : RW | PROT_EXEC;
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
      process.mmap(START + page * P, P, prot, flags, -1, 0);
    }
    while (Atomics.load(status, 1) < round) await new Promise((resolve) => setImmediate(resolve));
    Atomics.store(status, 0, round);
    for (let page = 0; page < PAGES; page++) process.touch(START + page * P, 'write');
    while (Atomics.load(status, 1) <= round) await new Promise((resolve) => setImmediate(resolve));

    const links = machine.report().caches.find(({ name }) => name === 'anon_vma_chain');
    expect(links?.live, `one link a VMA, round ${round}`).toBe(PAGES);
    process.verify();
  }
  await ended;
  process.exit();
  machine.tearDown();
});
