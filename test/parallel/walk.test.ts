/** A second worker walks the tree of VMAs while the first one changes it. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  MADV_DONTFORK,
  MADV_DOFORK,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const P = 4096;
const START = 0x200000000000;
const PAGES = 512;
const LOOKUPS = 1_000_000;
const CHANGES = 30_000;
const ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS;
const PROTS = [PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE];

const random = (below: number): number => Math.floor(Math.random() * below);

/** One change that leaves every page of the range mapped at every moment. */
function changeMapped(process: Process): void {
  const from = random(PAGES);
  const pages = 1 + random(Math.min(24, PAGES - from));
  const addr = START + from * P;
  const prot = PROTS[random(PROTS.length)] ?? PROT_NONE;
  const kind = random(4);
  if (kind === 0) process.mmap(addr, pages * P, prot, ANONYMOUS | MAP_FIXED, -1, 0);
  else if (kind === 1) process.madvise(addr, pages * P, random(2) ? MADV_DONTFORK : MADV_DOFORK);
  else process.mprotect(addr, pages * P, prot);
}

/** Mappings that come and go elsewhere, so that VMAs and nodes are reused. */
function churn(process: Process): void {
  const addr = process.mmap(0, (1 + random(4)) * P, PROTS[random(3)] ?? 0, ANONYMOUS, -1, 0);
  if (random(3) > 0) process.munmap(addr, P);
}

describe('a reader on another worker', () => {
  it('S0-1 S0-10 P2-1 never sees a hole that was not there, a torn range or a freed node', async () => {
    const worker = new URL('./walk.worker.mjs', import.meta.url);
    expect(
      existsSync(new URL('../../dist/index.js', import.meta.url)),
      'run "npm run build" first',
    ).toBe(true);
    const machine = Machine.create({ sysctl: { totalram_pages: 1e9 } });
    const process = machine.spawn();
    for (let page = 0; page < PAGES; page += 4) {
      process.mmap(
        START + page * P,
        4 * P,
        PROTS[(page / 4) % 3] ?? 0,
        ANONYMOUS | MAP_FIXED,
        -1,
        0,
      );
    }

    const status = new Int32Array(new SharedArrayBuffer(64));
    const workerData = {
      shared: machine.share(),
      id: process.id,
      start: START,
      pages: PAGES,
      lookups: LOOKUPS,
      status,
    };
    const reader = new Worker(worker, { workerData });
    const failed = new Promise<Error | null>((resolve) => {
      reader.on('error', resolve);
      reader.on('exit', () => resolve(null));
    });
    let changes = 0;
    const deadline = performance.now() + 90_000;
    while (Atomics.load(status, 0) === 0 && performance.now() < deadline) {
      for (let i = 0; i < 50; i++) changeMapped(process);
      churn(process);
      changes += 51;
      if (changes > CHANGES) Atomics.store(status, status.length - 1, 1);
      if (changes % 5100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await failed).toBeNull();

    const [done, holes, torn, gaps, ranges, locked, lookups] = status;
    expect({ done, holes, torn, gaps }).toEqual({ done: 1, holes: 0, torn: 0, gaps: 0 });
    expect(ranges, 'the walks found VMAs').toBeGreaterThan(100_000);
    expect(lookups).toBeGreaterThanOrEqual(LOOKUPS);
    expect(locked, 'lookups could lock what they found').toBeGreaterThan(LOOKUPS / 10);
    expect(changes, 'the writer was at work meanwhile').toBeGreaterThanOrEqual(CHANGES);
    process.verify();
    process.exit();
    machine.tearDown();
  });
});
