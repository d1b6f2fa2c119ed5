/**
 * Workers that are ended at the worst moment: what they had begun ends, their locks are broken and
 * named, and the machine can be used, looked at and torn down.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cpuOfWorker } from '../../src/engine/arena/cpu.ts';
import { word } from '../../src/engine/arena/memory.ts';
import {
  mmapReadLock,
  mmapReadTrylock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { mmLockSeqAt, mmMmapLockAt } from '../../src/engine/mm/mm_struct.ts';
import { findVma, lockVmaUnderRcu } from '../../src/engine/mm/vma_iterator.ts';
import { vmaEndRead, vmaStartWrite } from '../../src/engine/mm/vma_lock.ts';
import { vmRefcntAt } from '../../src/engine/mm/vma_struct.ts';
import { pageOf } from '../../src/engine/page/page_struct.ts';
import { ptePfn } from '../../src/engine/page/pte.ts';
import { leafTable, ptePtr } from '../../src/engine/page/table_struct.ts';
import { pollStateSynchronizeRcu, startPollSynchronizeRcu } from '../../src/engine/rcu/rcu.ts';
import { waitsFor } from '../../src/engine/sync/wait_line.ts';
import { Machine, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../src/index.ts';
import type { Process } from '../../src/index.ts';
import { mmOf } from '../pictures.ts';

const PAGE = 4096;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

let machine: Machine;
let process: Process;
let addr: number;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
  addr = process.mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
  process.store(addr, 7);
});

/** All is as if the worker had never been: calls of every kind work, and nothing is left. */
afterEach(() => {
  expect(word(mmMmapLockAt(mmOf(process)))).toBe(0);
  expect(process.load(addr)).toBe(7);
  expect(process.mprotect(addr, PAGE, PROT_READ)).toBe(0);
  expect(process.munmap(addr + 2 * PAGE, PAGE)).toBe(0);
  process.verify();
  process.exit();
  machine.tearDown();
});

interface Doomed {
  readonly worker: Worker;
  readonly id: number;
  readonly exited: Promise<unknown>;
  /** What it says next. */
  readonly said: () => Promise<unknown>;
}

/** Starts a worker and waits for its first word. */
async function start(job: string): Promise<Doomed> {
  const shared = machine.reserve();
  const mm = mmOf(process);
  const at = ptePtr(mm, addr);
  const places = { leaf: leafTable(mm, addr), page: pageOf(ptePfn(word(at))) };
  const workerData = { shared, id: process.id, mm, addr, job, ...places };
  const worker = new Worker(new URL('./bury.worker.mjs', import.meta.url), { workerData });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  const said = async (): Promise<unknown> => {
    const [message] = (await Promise.race([once(worker, 'message'), failed])) as [unknown];
    return message;
  };
  const exited = once(worker, 'exit'); // it may end by itself
  await said();
  return { worker, id: shared.worker, exited, said };
}

/** Ends it, and buries it when Node says that it has ended. */
async function end({ worker, id, exited }: Doomed): Promise<ReturnType<Machine['bury']>> {
  await worker.terminate();
  await exited;
  return machine.bury(id);
}

const MARK = ['mmap_lock for write'];
const HELD: readonly (readonly [job: string, locks: readonly string[]])[] = [
  ['nothing', []],
  ['section', []],
  ['store', []],
  ['read', ['mmap_lock for read']],
  ['write', MARK],
  ['downgrade', ['mmap_lock for read']],
  ['mark', MARK],
  ['vma', ['VMA lock for read']],
  ['spin', ['page lock', 'pte lock']],
  ['tasklist', ['list of tasks']],
  ['all', [...MARK, 'page lock', 'pte lock']],
];

describe('a worker that is ended', () => {
  it.each(HELD)('in the middle of %j leaves %j, and no lock', async (job, locks) => {
    const doomed = await start(job);
    const burial = await end(doomed);
    expect(burial).toEqual({
      worker: doomed.id,
      wasReading: job === 'section' || job === 'all',
      wasStoring: job === 'store' || job === 'all',
      wasWaiting: false,
      locks,
    });
    expect(word(mmLockSeqAt(mmOf(process))) & 1, 'no VMA is marked').toBe(0);
    expect(pollStateSynchronizeRcu(startPollSynchronizeRcu())).toBe(true);
    const isLoud = locks.some((name) => !name.endsWith('for read'));
    expect(machine.report().warnings.join().includes('a worker ended')).toBe(isLoud);
    expect(machine.bury(doomed.id), 'once').toBe(null);
  });

  it('in line for mmap_lock makes room for who comes behind it', async () => {
    const reader = mmapReadLock(mmOf(process));
    const first = await start('line');
    await inLine(first);
    expect(mmapReadTrylock(reader), 'a writer waits').toBe(null);
    const second = await start('readers');
    await inLine(second);
    expect(await end(first)).toMatchObject({ wasWaiting: true, locks: [] });
    expect(await second.said(), 'got in behind the dead').toBe('done');
    mmapReadUnlock(reader);
    expect(await end(second)).toMatchObject({ locks: ['mmap_lock for read'] });
  });

  it('while it waits for the readers of a VMA leaves it to them', async () => {
    const mm = mmOf(process);
    const vma = lockVmaUnderRcu(mm, addr);
    if (vma === null) throw new Error('not locked');
    const doomed = await start('mark_waits');
    while (word(vmRefcntAt(vma)) < 2 ** 30) await sleep(1);
    expect((await end(doomed))?.locks).toEqual(['mmap_lock for write', 'VMA lock for write']);
    expect(word(vmRefcntAt(vma))).toBe(2);
    vmaEndRead(vma);
    const writer = mmapWriteLock(mm);
    const found = findVma(writer, addr);
    if (found === 0) throw new Error('no VMA');
    vmaStartWrite(writer, found);
    mmapWriteUnlock(writer);
  });

  it('P2-7 keeps no writer waiting for a VMA it had read-locked', async () => {
    const doomed = await start('vma');
    const waiting = await start('mark_waits');
    await sleep(20);
    expect((await end(doomed))?.locks).toEqual(['VMA lock for read']);
    expect(await waiting.said()).toBe('done');
    await end(waiting);
  });

  it('by itself, with detach(), is not buried', async () => {
    const doomed = await start('leave');
    expect(await end(doomed)).toBe(null);
    expect(machine.report().warnings).toEqual([]);
  });

  it('gives its place to the next', async () => {
    const numbers: number[] = [];
    for (let round = 0; round < 3; round++) {
      const doomed = await start('vma');
      numbers.push(doomed.id);
      await end(doomed);
    }
    expect(new Set(numbers).size).toBe(3);
    expect(new Set(numbers.map((id) => id % 64)).size).toBe(1);
  });
});

describe('bury()', () => {
  it('refuses a worker that buries itself, and what is no worker', () => {
    expect(() => machine.bury(machine.worker)).toThrow('leaves by detach()');
    for (const what of [NaN, 0, -5, 1.5, '70' as unknown as number]) {
      expect(() => machine.bury(what)).toThrow(TypeError);
    }
    expect(machine.bury(64 * 1000)).toBe(null);
  });

  it('takes back a place that was reserved for a worker that never came', () => {
    const { worker } = machine.reserve();
    expect(machine.bury(worker)?.locks).toEqual([]);
    expect(() => Machine.attach({ ...machine.share(), worker })).toThrow(RangeError);
  });
});

it('P2-6 a task that is condemned gives up waiting for mmap_lock: EINTR', async () => {
  const reader = mmapReadLock(mmOf(process));
  const waiting = await start('munmap');
  await inLine(waiting);
  const said = waiting.said();
  process.kill(9);
  expect(await said).toBe(-4);
  expect(word(mmMmapLockAt(reader)) & 7, 'nobody is in line').toBe(0);
  mmapReadUnlock(reader);
  await end(waiting);
});

/** Until the worker stands in line for a lock. */
async function inLine({ id }: Doomed): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (waitsFor(cpuOfWorker(id)) !== 0) return;
    await sleep(2);
  }
  throw new Error('the worker does not wait');
}
