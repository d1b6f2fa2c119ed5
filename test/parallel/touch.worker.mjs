// Writes to the same pages as another worker, in the same order, at the same time.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, start, pages, rounds, status } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);

for (let round = 1; round <= rounds; round++) {
  Atomics.store(status, 1, round); // ready
  while (Atomics.load(status, 0) < round);
  for (let page = 0; page < pages; page++) process.touch(start + page * 4096, 'write');
}
Atomics.store(status, 1, rounds + 1);
machine.detach();
