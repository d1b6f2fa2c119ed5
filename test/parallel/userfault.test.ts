/** Workers that wait for pages, and one that makes them. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CLOEXEC,
  O_NONBLOCK,
  type Process,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/index.ts';

const P = 4096;
const START = 0x200000000000;
const PAGES = 997; // prime: every step goes round all of them

interface Watched {
  readonly machine: Machine;
  readonly process: Process;
  readonly fd: number;
}

function watched(kind: number, flags: number): Watched {
  const machine = Machine.create();
  const process = machine.spawn();
  const fd = process.userfaultfd(flags);
  process.uffdApi(fd, 0);
  const mapFlags = kind | MAP_ANONYMOUS | MAP_FIXED;
  process.mmap(START, (PAGES + 1) * P, PROT_READ | PROT_WRITE, mapFlags, -1, 0);
  process.uffdRegister(fd, START, (PAGES + 1) * P, UFFDIO_REGISTER_MODE_MISSING);
  return { machine, process, fd };
}

function start({ machine, process, fd }: Watched, job: string, seed = 1) {
  const shared = machine.share();
  const workerData = { shared, id: process.id, fd, start: START, pages: PAGES, job, seed };
  const worker = new Worker(new URL('./userfault.worker.mjs', import.meta.url), { workerData });
  return { report: once(worker, 'message'), ended: once(worker, 'exit') };
}

it.each([
  ['private', MAP_PRIVATE],
  ['shared', MAP_SHARED],
])('X-8 %s pages are filled once each, whoever waits for them', async (_name, kind) => {
  const all = watched(kind, O_CLOEXEC);
  const { machine, process } = all;
  const filler = start(all, 'fill');
  const touchers = [3, 5, 7].map((seed) => start(all, 'touch', seed));
  for (const { report } of touchers) expect(await report).toEqual([{ wrong: 0 }]);
  expect(process.load(START + PAGES * P)).toBe(PAGES + 1); // this one waits too
  const [{ faults, wrong }] = (await filler.report) as [{ faults: number; wrong: number }];
  expect(wrong).toBe(0);
  expect(faults).toBeGreaterThan(PAGES);
  for (const { ended } of [filler, ...touchers]) await ended;
  process.verify();
  process.exit();
  machine.tearDown();
});

it('X-8 closing the descriptor wakes who waits: nobody is watched any more', async () => {
  const all = watched(MAP_PRIVATE, O_CLOEXEC | O_NONBLOCK);
  const { machine, process, fd } = all;
  const toucher = start(all, 'touch');
  while (typeof process.uffdRead(fd) === 'number') {
    await new Promise((resolve) => setImmediate(resolve));
  }
  machine.close(fd);
  expect(await toucher.report).toEqual([{ wrong: PAGES }]); // zeroes
  await toucher.ended;
  process.verify();
  process.exit();
  machine.tearDown();
});
