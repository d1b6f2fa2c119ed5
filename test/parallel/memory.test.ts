/** Loads and stores of one worker while another one changes the address space. */
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Machine,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { made } from '../made.ts';

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

interface Partner {
  readonly status: Int32Array;
  end(): Promise<void>;
}

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create();
  process = machine.spawn();
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

/** A worker that does a job until it is ended, and has begun. */
async function start(job: string, more: object = {}): Promise<Partner> {
  const status = new Int32Array(new SharedArrayBuffer(64));
  const workerData = { shared: machine.share(), id: process.id, at: AT, job, status, ...more };
  const worker = new Worker(new URL('./memory.worker.mjs', import.meta.url), { workerData });
  const ended = new Promise<void>((resolve, reject) =>
    worker.on('exit', () => resolve()).on('error', reject),
  );
  while (Atomics.load(status, 1) === 0) await new Promise((resolve) => setImmediate(resolve));
  return {
    status,
    end: () => {
      Atomics.store(status, 0, 1);
      return ended;
    },
  };
}

const progressOf = ({ status }: Partner): number => Atomics.load(status, 3);

/** Lets the partner come further before we go on. */
function letRun(partner: Partner): void {
  const before = progressOf(partner);
  while (progressOf(partner) === before);
}

const map = (target: Process, pages: number): number =>
  target.mmap(AT, pages * PAGE_SIZE, RW, PRIVATE, -1, 0);

describe('while another worker stores to the memory', () => {
  it('S3-27 a fork’s child sees one moment: no later store reaches it', async () => {
    map(process, 1);
    process.store(AT, 0);
    const partner = await start('count');
    for (let round = 0; round < 150; round++) {
      const child = made(process.fork());
      const seen = child.load(AT);
      if (round % 10 === 0) letRun(partner);
      for (let i = 0; i < 200; i++) expect(child.load(AT)).toBe(seen);
      child.exit();
    }
    await partner.end();
    expect(progressOf(partner)).toBeGreaterThan(1024);
  });

  it('a page that was taken away and given to another process is never written', async () => {
    map(process, 1);
    const other = machine.spawn();
    map(other, 8);
    const partner = await start('tag');
    for (let round = 0; round < 600; round++) {
      expect(process.madvise(AT, PAGE_SIZE, MADV_DONTNEED)).toBe(0);
      for (let page = 0; page < 8; page++) {
        const at = AT + page * PAGE_SIZE;
        other.store(at + 4092, 1);
        for (let i = 0; i < 16; i++) expect(other.load(at + i * 64)).toBe(0);
      }
      other.madvise(AT, 8 * PAGE_SIZE, MADV_DONTNEED);
      if (round % 60 === 0) letRun(partner);
    }
    await partner.end();
    expect(Atomics.load(partner.status, 2), 'a value that was nobody’s').toBe(0);
    other.exit();
  });

  it('protection that is taken away holds when the call returns', async () => {
    map(process, 1);
    process.store(AT, 0);
    const partner = await start('count');
    for (let round = 0; round < 300; round++) {
      process.mprotect(AT, PAGE_SIZE, PROT_READ);
      const seen = process.load(AT);
      for (let i = 0; i < 100; i++) expect(process.load(AT)).toBe(seen);
      process.mprotect(AT, PAGE_SIZE, RW);
      if (round % 30 === 0) letRun(partner);
    }
    await partner.end();
  });
});

describe('two workers that fault', () => {
  it.each([
    ['on pages of their own', 128, 128],
    ['on the same pages', 0, 256],
  ])('%s: each page is there once', async (_name, first, pages) => {
    for (let round = 0; round < 5; round++) {
      map(process, 256);
      const partner = await start('half', { first, pages });
      for (let page = 0; page < 256; page++) {
        process.store(AT + page * PAGE_SIZE, page);
        if (page < 128 || first === 0) process.store(AT + page * PAGE_SIZE + 8, page);
      }
      letRun(partner);
      await partner.end();
      expect(process.rss().anon).toBe(256);
      for (let page = 0; page < 256; page++) {
        expect(process.load(AT + page * PAGE_SIZE)).toBe(page);
        expect(process.load(AT + page * PAGE_SIZE + 8)).toBe(page);
      }
      process.verify();
      process.munmap(AT, 256 * PAGE_SIZE);
    }
  });
});
