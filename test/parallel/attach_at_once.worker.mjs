// A worker that takes place after place, beside others that do, until it is refused; and uses them.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, gate, threads } = workerData;
const PAGE = 4096;

function takeAll() {
  const places = [];
  try {
    for (;;) places.push(Machine.attach(shared));
  } catch (error) {
    return { places, refused: { name: error.name, message: error.message } };
  }
}

/** Begins when all are here. */
function meet(word) {
  if (Atomics.add(gate, word, 1) + 1 === threads) Atomics.notify(gate, word);
  for (let come = Atomics.load(gate, word); come < threads; come = Atomics.load(gate, word)) {
    Atomics.wait(gate, word, come);
  }
}

meet(0);
const { places, refused } = takeAll();
const numbers = places.map(({ worker }) => worker);
const stored = places.map((machine, i) => {
  const process = machine.process(id);
  const addr = process.mmap(0, PAGE, 3, 0x22, -1, 0);
  process.store(addr, i);
  const seen = process.load(addr);
  process.munmap(addr, PAGE);
  return seen;
});
meet(1); // none leaves before all have been refused
for (const machine of places) machine.detach();
parentPort.postMessage({ numbers, refused, stored }, []);
