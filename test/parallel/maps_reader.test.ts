/** A second worker reads maps in every mode while the first one changes what it reads. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
  PROTOCOL_AXES,
} from '../../src/index.ts';

const P = 4096;
const START = 0x200000000000;
const PAGES = 96;
const ROUNDS = 150;
const CHANGES = 8_000;
const ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS;
const PROTS = [PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE];

const random = (below: number): number => Math.floor(Math.random() * below);

/** One change that leaves every page of the range mapped at every moment. */
function changeMapped(process: Process, fd: number): void {
  const from = random(PAGES);
  const pages = 1 + random(Math.min(24, PAGES - from));
  const addr = START + from * P;
  const prot = PROTS[random(PROTS.length)] ?? PROT_NONE;
  const kind = random(5);
  if (kind === 0) process.mmap(addr, pages * P, prot, ANONYMOUS | MAP_FIXED, -1, 0);
  else if (kind === 1) process.mmap(addr, pages * P, prot, MAP_PRIVATE | MAP_FIXED, fd, 0);
  else if (kind === 2) process.setAnonName(addr, pages * P, random(2) === 0 ? 'a name' : null);
  else process.mprotect(addr, pages * P, prot);
}

/** Memory of files that nobody else has open comes and goes, so that all kinds are reused. */
function churn(machine: Machine, process: Process): void {
  const fd = machine.open({ kind: 'regular', path: `/tmp/${random(100)}`, size: P });
  const addr = START + (PAGES + 2 * random(20)) * P;
  process.mmap(addr, P, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  machine.close(fd);
  if (random(3) > 0) process.munmap(addr, P);
}

describe.each(PROTOCOL_AXES.mapsReader)('mapsReader %s, on another worker', (mapsReader) => {
  it('X-13 X-14 S0-12 shows no gap that never was, nothing torn, and gets on', async () => {
    const machine = Machine.create({ protocol: { mapsReader } as Partial<Protocol> });
    const process = machine.spawn();
    process.mmap(START, PAGES * P, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0);
    const file = { kind: 'regular', path: '/a/file', size: 64 * P } as const;
    const fd = machine.open(file);
    const status = new Int32Array(new SharedArrayBuffer(8));
    const workerData = {
      shared: machine.share(),
      id: process.id,
      start: START,
      pages: PAGES,
      rounds: ROUNDS,
      status,
    };
    const worker = new Worker(new URL('./maps_reader.worker.mjs', import.meta.url), { workerData });
    const report = once(worker, 'message');
    const ended = once(worker, 'exit');
    const failed = new AbortController();
    worker.on('error', () => failed.abort());
    const deadline = performance.now() + 60_000;
    for (let i = 0; Atomics.load(status, 0) === 0 && !failed.signal.aborted; i++) {
      if (i === CHANGES || performance.now() > deadline) Atomics.store(status, 1, 1);
      changeMapped(process, fd);
      if (i % 8 === 0) churn(machine, process);
      if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const [counts] = (await report) as [Readonly<Record<string, number>>];
    await ended;
    expect(counts).toMatchObject({ gaps: 0, backwards: 0, torn: 0, holes: 0 });
    expect(counts['rounds']).toBeGreaterThanOrEqual(ROUNDS);
    expect(counts['lines']).toBeGreaterThan(ROUNDS * 3);
    process.verify();
    machine.close(fd);
    process.exit();
    machine.tearDown();
  });
});
