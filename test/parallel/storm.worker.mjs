// Random calls, loads and stores on several processes that other workers use as well.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { randomFrom } from './random.mjs';

const { shared, ids, fds, start, pages, calls, seed } = workerData;
const P = 4096;
const ANON = 0x32; // MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED
const [SHARED, PRIVATE] = [0x11, 0x12]; // with MAP_FIXED
const ADVICE = [4, 8, 9, 22, 23, 24, 102, 103];

const machine = Machine.attach(shared);
const processes = ids.map((id) => machine.process(id));
let process = processes[0];
const random = randomFrom(seed);
let moved = 0;

const addr = () => start + random(pages) * P;
const len = () => (1 + random(8)) * P;
const fd = () => fds[random(fds.length)];

/** A child that nobody else knows: what it has of its own stays what it is. */
function lookAtChild() {
  const child = process.fork();
  if (typeof child === 'number') throw new Error(`fork gave ${child}`);
  for (let i = 0; i < 20; i++) {
    const at = addr();
    child.store(at, i);
    const seen = child.load(at);
    if (child.find(at)?.file !== null) continue;
    for (let again = 0; again < 20; again++) if (child.load(at) !== seen) moved++;
  }
  child.exit();
}

function access() {
  for (let i = 0; i < 10; i++) {
    const at = addr() + random(1000) * 4;
    if (random(2) === 0) process.store(at, i);
    else process.load(at);
  }
}

const CALLS = [
  () => process.mmap(addr(), len(), random(8), ANON, -1, 0),
  () => process.mmap(addr(), len(), 1 + random(3), SHARED, fd(), random(8) * P),
  () => process.mmap(addr(), len(), 1 + random(3), PRIVATE, fd(), random(8) * P),
  () => process.munmap(addr(), len()),
  () => process.mprotect(addr(), len(), random(8)),
  () => process.mremap(addr(), 4 * P, 4 * P, 3, addr()),
  () => process.madvise(addr(), len(), ADVICE[random(ADVICE.length)]),
  () => process.mlock(addr(), len()),
  () => process.munlock(addr(), len()),
  () => process.msync(addr(), len(), 4),
  () => machine.truncate(fd(), random(17) * P + random(2) * 100),
  () => machine.pwrite(fd(), new Uint8Array(100).fill(random(256)), random(16 * P)),
  () => machine.punchHole(fd(), random(16) * P, len()),
  () => (process = processes[random(processes.length)]),
  () => random(10) === 0 && lookAtChild(),
  access,
  access,
  access,
];

for (let i = 0; i < calls; i++) CALLS[random(CALLS.length)]();
machine.detach();
parentPort.postMessage({ moved }, []);
