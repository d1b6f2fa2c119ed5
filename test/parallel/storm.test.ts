/**
 * Three workers map, store, fork, cut files and write them, in three processes at once. Then
 * every invariant holds, and nothing is left.
 *
 *     SEED=n npx vitest run test/parallel/storm.test.ts
 */
import { once } from 'node:events';
import { env } from 'node:process';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const START = 0x200000000000;
const PAGES = 64;
const WORKERS = 3;
const CALLS = 40_000;
const SEED = Number(env['SEED'] ?? Date.now() % 1_000_000);

/** A process whose memory is all written, and two forks of it. */
function family(machine: Machine): Process[] {
  const first = machine.spawn();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  first.mmap(START, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
  for (let page = 0; page < PAGES; page++) first.store(START + page * PAGE_SIZE, page);
  const forks = [first.fork(), first.fork()].filter((fork) => typeof fork !== 'number');
  return [first, ...forks];
}

it(`S0-23 from SEED=${SEED}: all is whole, and all is freed`, async () => {
  const machine = Machine.create();
  const processes = family(machine);
  const file = { path: '/f', size: 16 * PAGE_SIZE, writable: true };
  const fds = [
    machine.open({ ...file, kind: 'shmem' }),
    machine.open({ ...file, kind: 'regular' }),
  ];
  const job = {
    shared: machine.share(),
    ids: processes.map(({ id }) => id),
    fds,
    start: START,
    pages: PAGES,
    calls: CALLS,
  };
  const reports = Array.from({ length: WORKERS }, async (_, i) => {
    const workerData = { ...job, seed: SEED + i };
    const worker = new Worker(new URL('./storm.worker.mjs', import.meta.url), { workerData });
    const [report] = (await once(worker, 'message')) as [{ moved: number }];
    return report;
  });
  expect(await Promise.all(reports)).toEqual(Array.from({ length: WORKERS }, () => ({ moved: 0 })));
  for (const process of processes) process.verify();
  for (const process of processes) process.exit();
  machine.tearDown();
});
