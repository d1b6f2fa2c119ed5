// Two workers fault and replace mappings of one process; a third one is ended in the middle.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Machine, MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from 'vmaspace';

const RW = PROT_READ | PROT_WRITE;
const machine = Machine.create();
const process = machine.spawn();
const doomed = machine.spawn(); // what a worker changed when it ended may be half done
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const at = process.mmap(0, 64 * PAGE_SIZE, RW, ANON, -1, 0);
const there = doomed.mmap(0, 64 * PAGE_SIZE, RW, ANON, -1, 0);

/** Starts a worker at a place of its own. @returns what it says; whatever its end, its place is free. */
async function run({ id }, from, endAfter) {
  const shared = machine.reserve();
  const workerData = { shared, id, from, pages: 16, forever: endAfter !== undefined };
  const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData });
  const ended = once(worker, 'exit');
  const [message] = await once(worker, 'message');
  if (endAfter !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, endAfter));
    await worker.terminate();
  }
  await ended;
  const burial = machine.bury(shared.worker); // null after detach(): nothing to bury
  return burial === null ? message : `ended, and held [${burial.locks.join(', ')}]`;
}

console.log(
  await Promise.all([
    run(process, at),
    run(process, at + 16 * PAGE_SIZE),
    run(doomed, there, 100),
  ]),
);
process.verify();
console.log(process.maps());
process.exit();
