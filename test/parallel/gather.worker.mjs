// One MAP_FIXED over a range; says when it has returned.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, start, bytes, result } = workerData;
const machine = Machine.attach(shared);
const mapped = machine.process(id).mmap(start, bytes, 3, 0x32, -1, 0);
Atomics.store(new Int32Array(result), 0, mapped === start ? 1 : -1);
machine.detach();
