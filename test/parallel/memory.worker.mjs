// Loads and stores in a process that another worker changes, until it is told to end.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, at, job, status } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);
const P = 4096;

const JOBS = {
  // Counts up in the first word, with its number in the high half of every store.
  count(i) {
    process.store(at, i);
  },
  // Tags a page that may be taken away at any moment; what it reads is its own tag or nothing.
  tag(i) {
    process.store(at + (i % 16) * 64, 0x7a90);
    const value = process.load(at + (i % 16) * 64);
    if (value > 0 && value !== 0x7a90) Atomics.store(status, 2, value);
  },
  // Writes to the pages of its half, in an order of its own.
  half(i) {
    const page = workerData.first + (i % workerData.pages);
    process.store(at + page * P + 8, page);
  },
};

Atomics.store(status, 1, 1);
for (let i = 1; Atomics.load(status, 0) === 0; i++) {
  JOBS[job](i);
  if (i % 1024 === 0) Atomics.store(status, 3, i);
}
machine.detach();
