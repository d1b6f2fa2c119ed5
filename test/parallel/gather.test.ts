/** Who delays an unmapping: readers of the VMAs that go, and nobody else. */
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { word } from '../../src/engine/arena/memory.ts';
import { vmaLookup } from '../../src/engine/mm/vma_iterator.ts';
import { mmMt } from '../../src/engine/mm/mm_struct.ts';
import { mtreeLoad } from '../../src/engine/maple/maple.ts';
import type { MmRead, Vma } from '../../src/engine/mm/held.ts';
import { vmaEndRead, vmaStartRead } from '../../src/engine/mm/vma_lock.ts';
import { vmRefcntAt } from '../../src/engine/mm/vma_struct.ts';
import { Machine, PAGE_SIZE } from '../../src/index.ts';
import { mmOf } from '../pictures.ts';

/** In the count of a VMA, when a writer waits for its readers. */
const EXCLUDE = 1 << 30;
const START = 0x200000000000;
const at = (page: number): number => START + page * PAGE_SIZE;

it('S0-21 a reader in the middle VMA stops MAP_FIXED there, and faults elsewhere go on', async () => {
  const machine = Machine.create();
  const process = machine.spawn();
  const PROTECTIONS = [1, 3, 1]; // A, B and C do not merge
  for (const [i, prot] of PROTECTIONS.entries()) process.mmap(at(i), PAGE_SIZE, prot, 0x32, -1, 0);
  process.mmap(at(8), 2 * PAGE_SIZE, 3, 0x32, -1, 0); // D
  process.touch(at(8), 'write'); // the first fault of a VMA makes its anon_vma, under mmap_lock
  const mm = mmOf(process);
  const [a, b, c] = PROTECTIONS.map((_, i) => vmaLookup(mm as MmRead, at(i)) as Vma) as [
    Vma,
    Vma,
    Vma,
  ];
  const counts = (): number[] => [a, b, c].map((vma) => word(vmRefcntAt(vma)));
  expect(vmaStartRead(mm, b)).toBe(b);

  const result = new SharedArrayBuffer(4);
  const workerData = {
    shared: machine.share(),
    id: process.id,
    start: START,
    bytes: 3 * PAGE_SIZE,
    result,
  };
  const worker = new Worker(new URL('./gather.worker.mjs', import.meta.url), { workerData });
  const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  while (word(vmRefcntAt(b)) < EXCLUDE) await setImmediate();

  // Looked at first, and judged when nobody waits any more.
  const counted = counts();
  const touched = process.touch(at(9), 'write');
  const found = [0, 1, 2].map((page) => mtreeLoad(mmMt(mm), at(page)));
  const early = Atomics.load(new Int32Array(result), 0);
  vmaEndRead(b);
  expect(counted, 'A is gathered, B waited for, C not begun with').toEqual([0, EXCLUDE + 2, 1]);
  expect([touched, early]).toEqual(['done', 0]);
  expect(found, 'there is no gap meanwhile').toEqual([a, b, c]);
  expect(await ended).toBe(0);
  expect(Atomics.load(new Int32Array(result), 0)).toBe(1);
  process.verify();
  process.exit();
  machine.tearDown();
});
