// Random calls on a process that another worker uses as well.
import { workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { randomFrom } from './random.mjs';

const { shared, id, calls, seed } = workerData;
const P = 4096;
const START = 0x200000000000;
const machine = Machine.attach(shared);
const process = machine.process(id);
const random = randomFrom(seed);

const addr = () => START + random(200) * P;
const len = () => (1 + random(12)) * P;
const CALLS = [
  () => process.mmap(addr(), len(), random(8), 0x22, -1, 0),
  () => process.mmap(addr(), len(), random(8), 0x32, -1, 0),
  () => process.mmap(addr(), len(), 3, 0x31, -1, 0),
  () => process.munmap(addr(), len()),
  () => process.munmap(addr(), len()),
  () => process.mprotect(addr(), len(), random(8)),
  () => process.mremap(addr(), len(), len(), random(2), 0),
  () => process.mremap(addr(), 2 * P, 2 * P, 3, addr()),
  () => process.madvise(addr(), len(), [10, 11, 16, 17, 102, 103][random(6)]),
  () => process.mlock(addr(), len()),
  () => process.munlock(addr(), len()),
  () => process.touch(addr(), random(2) === 0 ? 'read' : 'write'),
  () => process.find(addr()),
  () => {
    if (random(40) > 0) return;
    const child = process.fork();
    if (typeof child === 'number') throw new Error(`fork gave ${child}`);
    child.munmap(addr(), len());
    child.verify();
    child.exit();
  },
];

for (let i = 0; i < calls; i++) CALLS[random(CALLS.length)]();
machine.detach();
