/**
 * Every generation of the VMA lock, and both forms of munmap, with a second worker at work.
 *
 *     SEED=n CALLS=n npx vitest run test/locks/parallel.test.ts
 */
import { once } from 'node:events';
import { env } from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { word } from '../../src/engine/arena/memory.ts';
import { mtreeLoad } from '../../src/engine/maple/maple.ts';
import type { MmRead, Vma } from '../../src/engine/mm/held.ts';
import { mmMt } from '../../src/engine/mm/mm_struct.ts';
import { vmaLookup } from '../../src/engine/mm/vma_iterator.ts';
import {
  vmaEndRead,
  vmaMarkDetached,
  vmaReattach,
  vmaStartRead,
  vmaStartWrite,
} from '../../src/engine/mm/vma_lock.ts';
import { vmLockAt } from '../../src/engine/mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../src/engine/rcu/rcu.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  type Protocol,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { Canvas, mmOf } from '../pictures.ts';
import { FORMS, GENERATIONS, machineOf } from './forms.ts';

const START = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const SEED = Number(env['SEED'] ?? Date.now() % 1_000_000);
const CALLS = Number(env['CALLS'] ?? 1000);
const at = (page: number): number => START + page * PAGE_SIZE;

const [READY, END, ROUNDS, HOLES, LOCKED_HOLES, BAD] = [0, 1, 2, 3, 4, 5] as const;

interface Partner {
  readonly status: Int32Array;
  readonly ended: Promise<unknown>;
}

/** A second worker with a job over so many pages from START. */
function partner(process: Process, job: string, pages: number, more: object = {}): Partner {
  const status = new Int32Array(new SharedArrayBuffer(64));
  const workerData = {
    shared: process.machine.share(),
    id: process.id,
    start: START,
    pages,
    job,
    status,
    ...more,
  };
  const worker = new Worker(new URL('./locks.worker.mjs', import.meta.url), { workerData });
  const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  return { status, ended };
}

const count = ({ status }: Partner, what: number): number => Atomics.load(status, what);

/** Replaces the range until `isEnough`, or for so long. @returns how often. */
async function replaceUntil(process: Process, pages: number, isEnough: () => boolean) {
  const deadline = performance.now() + 20_000;
  let replaced = 0;
  while (!isEnough() && performance.now() < deadline) {
    for (let i = 0; i < 50; i++) {
      expect(process.mmap(START, pages * PAGE_SIZE, RW, FIXED, -1, 0)).toBe(START);
    }
    replaced += 50;
    await setImmediate();
  }
  return replaced;
}

async function end(machine: Machine, process: Process, { status, ended }: Partner) {
  Atomics.store(status, END, 1);
  expect(await ended).toBe(0);
  process.verify();
  process.exit();
  machine.tearDown();
}

describe.each(FORMS)('$vmaLock, $munmap:', (form) => {
  it('S0-1 S0-2 S0-3 S0-10 a walker sees the gap of a replacement in two steps, and never another', async () => {
    const machine = machineOf(form);
    const process = machine.spawn();
    process.mmap(START, 4 * PAGE_SIZE, RW, FIXED, -1, 0);
    const walker = partner(process, 'look', 4);
    const isEnough = (): boolean =>
      form.munmap === 'two-step'
        ? count(walker, HOLES) > 0 && count(walker, ROUNDS) > 20_000
        : count(walker, ROUNDS) > 40_000;
    const replaced = await replaceUntil(process, 4, isEnough);
    expect(replaced).toBeGreaterThanOrEqual(50);
    expect(count(walker, LOCKED_HOLES), 'under mmap_lock').toBe(0);
    expect(count(walker, HOLES) > 0).toBe(form.munmap === 'two-step');
    await end(machine, process, walker);
  });

  it('S0-2 S2-13 S2-15 a store beside replacements never ends in a signal, nor in another page', async () => {
    const machine = machineOf(form);
    const process = machine.spawn();
    process.mmap(START, 4 * PAGE_SIZE, RW, FIXED, -1, 0);
    const stores = partner(process, 'fault', 4);
    const replaced = await replaceUntil(process, 4, () => count(stores, ROUNDS) > 2000);
    expect(replaced).toBeGreaterThanOrEqual(50);
    expect(count(stores, BAD)).toBe(0);
    const { counters } = machine.report();
    expect(counters.vma_lock_success > 0).toBe(form.vmaLock !== 'off');
    await end(machine, process, stores);
  });
});

/** Also with sequences that wrap all the time. */
const STORMS: readonly Partial<Protocol>[] = [
  ...FORMS,
  { vmaLock: 'rwsem', vmaLockSeq: '4-bit' },
  { vmaLock: 'typesafe', vmaLockSeq: '4-bit' },
];

describe.each(STORMS)('$vmaLock, $munmap, $vmaLockSeq:', (form) => {
  it(`S2-13 S2-14 S2-38 S2-40 P2-5 from SEED=${SEED}: after a storm of calls all is whole, and all is freed`, async () => {
    const machine = Machine.create({ protocol: form });
    const first = machine.spawn();
    const pages = 64;
    first.mmap(START, pages * PAGE_SIZE, RW, FIXED, -1, 0);
    for (let page = 0; page < pages; page++) first.store(at(page), page);
    const processes = [first, made(first.fork()), made(first.fork())];
    const file = { path: '/f', size: 16 * PAGE_SIZE, writable: true };
    const fds = [
      machine.open({ ...file, kind: 'shmem' }),
      machine.open({ ...file, kind: 'regular' }),
    ];
    const ids = processes.map(({ id }) => id);
    const job = { shared: machine.share(), ids, fds, start: START, pages, calls: CALLS };
    const reports = [0, 1].map(async (i) => {
      const workerData = { ...job, seed: SEED + i };
      const storm = new URL('../parallel/storm.worker.mjs', import.meta.url);
      const [report] = (await once(new Worker(storm, { workerData }), 'message')) as [unknown];
      return report;
    });
    expect(await Promise.all(reports)).toEqual([{ moved: 0 }, { moved: 0 }]);
    for (const process of processes) process.verify();
    for (const process of processes) process.exit();
    machine.tearDown();
  });
});

/** The only one without readers of a VMA is `off`. */
const WITH_READERS = GENERATIONS.filter((vmaLock) => vmaLock !== 'off');

describe.each(WITH_READERS)('%s:', (vmaLock) => {
  it('S0-21 S2-9 S2-11 a reader in the middle VMA stops a replacement there, faults elsewhere go on', async () => {
    const machine = machineOf({ vmaLock });
    const process = machine.spawn();
    for (const [page, prot] of [1, 3, 1].entries()) {
      process.mmap(at(page), PAGE_SIZE, prot, FIXED, -1, 0);
    }
    process.mmap(at(8), 2 * PAGE_SIZE, RW, FIXED, -1, 0);
    process.touch(at(8), 'write'); // the first fault of a VMA makes its anon_vma, under mmap_lock
    const mm = mmOf(process);
    const [a, b, c] = [0, 1, 2].map((page) => vmaLookup(mm as MmRead, at(page)) as Vma);
    rcuReadLock();
    expect(vmaStartRead(mm, b as Vma)).toBe(b);
    rcuReadUnlock();
    const held = word(vmLockAt(b as Vma));

    const writer = partner(process, 'replace', 3);
    while (word(vmLockAt(b as Vma)) === held) await setImmediate();
    const touched = process.touch(at(9), 'write');
    const found = [0, 1, 2].map((page) => mtreeLoad(mmMt(mm), at(page)));
    const early = count(writer, ROUNDS);
    rcuReadLock();
    const another = vmaStartRead(mm, b as Vma); // readers who come meanwhile fail at once
    rcuReadUnlock();
    vmaEndRead(b as Vma);
    expect([touched, early]).toEqual(['done', 0]);
    expect(another).toBeLessThan(0);
    expect(found, 'there is no gap meanwhile').toEqual([a, b, c]);
    expect(await writer.ended).toBe(0);
    expect(count(writer, ROUNDS)).toBe(1);
    process.verify();
    process.exit();
    machine.tearDown();
  });

  it('S4-6 S4-20 who detaches waits for a late reader, where the VMA is used again at once', async () => {
    using canvas = new Canvas('A', {}, machineOf({ vmaLock }));
    const vma = vmaStartWrite(canvas.mm, canvas.vma('A'));
    const reader = partner(canvas.process, 'lateReader', 1, { vma });
    while (count(reader, READY) === 0) await setImmediate();
    vmaMarkDetached(canvas.mm, vma);
    expect(count(reader, ROUNDS)).toBe(vmaLock === 'rwsem' ? 0 : 1);
    expect(await reader.ended).toBe(0);
    vmaReattach(vma);
  });
});
