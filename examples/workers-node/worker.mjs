// Stores to pages, looks that they hold it, and replaces them.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PAGE_SIZE } from 'vmaspace';

const { shared, id, from, pages, forever } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

let found = 0;
if (forever) parentPort.postMessage('begins');
for (let i = 0; forever || i < 1000; i++) {
  const page = from + (i % pages) * PAGE_SIZE;
  process.store(page, i);
  if (process.load(page) === i) found++;
  process.mmap(page, PAGE_SIZE, 3, FIXED, -1, 0);
}
machine.detach();
parentPort.postMessage(`found ${found} of 1000`);
