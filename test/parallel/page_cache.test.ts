/** Two workers at the pages of one file: made once, written back whole, taken away in time. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeFiles, openPath } from '../../src/host/node_files.ts';
import {
  Machine,
  MAP_SHARED,
  MS_SYNC,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const P = 4096;
const PAGES = 64;
const RW = PROT_READ | PROT_WRITE;
const READY = 0;
const GO = 1;
const BAD = 2;

let folder: string;
let path: string;
let machine: Machine;
let process: Process;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmaspace-parallel-'));
  path = join(folder, 'data');
  writeFileSync(path, new Uint8Array(PAGES * P));
  machine = Machine.create({ bytes: 16 * 2 ** 20, host: new NodeFiles() });
  process = machine.spawn();
});
afterEach(() => rmSync(folder, { recursive: true }));

const pagesLive = (): number =>
  machine.report().caches.find(({ name }) => name === 'page')?.live ?? -1;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Contest {
  readonly job: 'fault' | 'count' | 'chase';
  readonly fd: number;
  readonly at: number;
  readonly rounds: number;
  /** What this thread does in each round, beside the other. */
  readonly act: (round: number, isOver: () => boolean) => void;
}

/** Runs all rounds. @returns how often the worker saw what must not be. */
async function contend({ act, ...work }: Contest): Promise<number> {
  const status = new Int32Array(new SharedArrayBuffer(64));
  const workerData = { ...work, shared: machine.share(), id: process.id, pages: PAGES, status };
  const worker = new Worker(new URL('./page_cache.worker.mjs', import.meta.url), { workerData });
  const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  for (let round = 1; round <= work.rounds; round++) {
    while (Atomics.load(status, READY) < round) await turn();
    Atomics.store(status, GO, round);
    act(round, () => Atomics.load(status, READY) > round);
    while (Atomics.load(status, READY) <= round) await turn();
  }
  await ended;
  return Atomics.load(status, BAD);
}

it('a page that two workers want is made once, and both store to it', async () => {
  const fd = machine.open({ kind: 'shmem', path: '/memfd:f (deleted)', writable: true });
  const at = process.mmap(0, PAGES * P, RW, MAP_SHARED, fd, 0);
  machine.truncate(fd, PAGES * P);
  const check = (round: number): void => {
    const seen = Array.from({ length: 2 * PAGES }, (_, i) => process.load(at + i * (P / 2)));
    const want = Array.from({ length: 2 * PAGES }, (_, i) => (i % 2 === 0 ? round : i >> 1));
    expect(seen, `round ${round}`).toEqual(want);
    expect(pagesLive()).toBe(PAGES);
    machine.truncate(fd, 0);
    expect(pagesLive()).toBe(0);
    machine.truncate(fd, PAGES * P);
  };
  const bad = await contend({
    job: 'fault',
    fd,
    at,
    rounds: 100,
    act: (round, isOver) => {
      for (let page = 0; page < PAGES; page++) process.store(at + page * P, round);
      while (!isOver());
      check(round);
    },
  });
  expect(bad).toBe(0);
  process.exit();
  machine.tearDown();
});

it('msync() beside stores loses none of them', async () => {
  const fd = openPath(machine, path, { writable: true });
  const at = process.mmap(0, PAGES * P, RW, MAP_SHARED, fd, 0);
  const rounds = 60;
  let syncs = 0;
  const bad = await contend({
    job: 'count',
    fd,
    at,
    rounds,
    act: (_round, isOver) => {
      do {
        expect(process.msync(at, PAGES * P, MS_SYNC)).toBe(0);
        syncs++;
      } while (!isOver());
    },
  });
  expect([bad, syncs >= rounds]).toEqual([0, true]);
  process.msync(at, PAGES * P, MS_SYNC);
  const bytes = readFileSync(path);
  const last = Array.from({ length: PAGES }, (_, page) => bytes.readInt32LE(page * P));
  expect(last).toEqual(last.map(() => rounds));
  process.exit();
  machine.tearDown();
});

it.each(['a memfd', 'a file'])(
  'cutting and punching %s beside stores leaves no page',
  async (what) => {
    const fd =
      what === 'a file'
        ? openPath(machine, path, { writable: true })
        : machine.open({ kind: 'shmem', path: '/memfd:f (deleted)', writable: true });
    const at = process.mmap(0, PAGES * P, RW, MAP_SHARED, fd, 0);
    machine.truncate(fd, PAGES * P);
    const bad = await contend({
      job: 'chase',
      fd,
      at,
      rounds: 150,
      act: (round, isOver) => {
        do {
          machine.truncate(fd, (round % 7) * P);
          machine.truncate(fd, PAGES * P);
          machine.punchHole(fd, 3 * P, 20 * P);
        } while (!isOver());
      },
    });
    expect(bad).toBe(0);
    machine.truncate(fd, 0);
    expect(pagesLive()).toBe(0);
    process.verify();
    process.exit();
    machine.tearDown();
  },
);
