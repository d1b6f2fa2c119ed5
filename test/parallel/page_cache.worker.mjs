// Uses the pages of files that another worker uses too: see page_cache.test.ts.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { NodeFiles } from '../../dist/host/node_files.js';

const { shared, id, fd, at, pages, rounds, job, status } = workerData;
const machine = Machine.attach(shared, { host: new NodeFiles() });
const process = machine.process(id);

const READY = 0;
const GO = 1;
const BAD = 2;

const JOBS = {
  /** Makes the same pages as the other worker, in the same order. */
  fault() {
    for (let page = 0; page < pages; page++) process.store(at + page * 4096 + 2048, page);
  },
  /** Counts up in every page, through the mapping. */
  count(round) {
    for (let page = 0; page < pages; page++) {
      const before = process.load(at + page * 4096);
      if (before !== round - 1) Atomics.add(status, BAD, 1);
      process.store(at + page * 4096, round);
    }
  },
  /** Stores to pages that the other worker takes away: SIGBUS, or done. */
  chase() {
    for (let page = 0; page < pages; page++) {
      const code = process.store(at + page * 4096, 0x55555555);
      if (code !== 0 && code !== -3) Atomics.add(status, BAD, 1);
      const seen = process.load(at + page * 4096);
      if (seen !== -3 && seen !== 0 && seen !== 0x55555555) Atomics.add(status, BAD, 1);
      machine.pread(fd, new Uint8Array(100), page * 4096);
    }
  },
};

for (let round = 1; round <= rounds; round++) {
  Atomics.store(status, READY, round);
  while (Atomics.load(status, GO) < round);
  JOBS[job](round);
}
Atomics.store(status, READY, rounds + 1);
machine.detach();
