// Stores to a word of its own and to pages of its own; counts what it did not find again.
import { Machine } from './bundle/index.js';

addEventListener('message', ({ data: { shared, id, at, number } }) => {
  const machine = Machine.attach(shared);
  const process = machine.process(id);
  let lost = 0;
  for (let i = 0; i < 100_000; i++) {
    process.store(at + number * 4, i);
    if (process.load(at + number * 4) !== i) lost++;
    if (i % 1000 === 0) process.store(at + (1 + number * 16 + ((i / 1000) % 16)) * 4096, i);
  }
  machine.detach();
  postMessage({ number, lost }, []);
});
