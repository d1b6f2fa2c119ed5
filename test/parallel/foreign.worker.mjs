// Walks every address space of the machine, over and over, and counts what it meets.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, manner, tally, met } = workerData;
const machine = Machine.attach(shared);
const counts = new Int32Array(tally);

// The first number is raised to end it; then come those of each thing that is met.
while (Atomics.load(counts, 0) === 0) {
  for (const visit of machine.walkMms(manner)) Atomics.add(counts, 1 + met.indexOf(visit.met), 1);
}
machine.detach();
