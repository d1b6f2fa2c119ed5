// Another worker on a machine of a checked build: frees what it is told to, or makes calls.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { vmAreaFree } from '../../dist/engine/mm/vma_alloc.js';

const PAGE = 4096;
const { shared, free = [], process: id } = workerData;
const machine = Machine.attach(shared);

function say(act) {
  try {
    return act();
  } catch (error) {
    return error.message;
  }
}

const said = free.map((vma) =>
  say(() => {
    vmAreaFree(vma);
    return 'freed';
  }),
);

if (id !== undefined) {
  const process = machine.process(id);
  said.push(
    say(() => {
      for (let round = 0; round < 40; round++) {
        const at = process.mmap(0, 8 * PAGE, 3, 0x22, -1, 0);
        process.store(at + PAGE, round);
        process.mprotect(at + 2 * PAGE, PAGE, 1);
        process.mremap(at, PAGE, 2 * PAGE, 1);
        process.find(at + 3 * PAGE);
        process.munmap(at + PAGE, 7 * PAGE);
      }
      return 'done';
    }),
  );
}
machine.detach();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage(said);
