// Stores to pages, looks that they hold it, and replaces them.
import { Machine, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PAGE_SIZE } from './vmaspace/index.js';

const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

function work({ shared, id, from, pages, forever }) {
  const machine = Machine.attach(shared);
  const process = machine.process(id);
  let found = 0;
  if (forever) postMessage('begins');
  for (let i = 0; forever || i < 1000; i++) {
    const page = from + (i % pages) * PAGE_SIZE;
    process.store(page, i);
    if (process.load(page) === i) found++;
    process.mmap(page, PAGE_SIZE, 3, FIXED, -1, 0);
  }
  machine.detach();
  postMessage(`found ${found} of 1000`);
}

// Held until this worker is no more, which is how the page hears of it.
onmessage = ({ data }) =>
  navigator.locks.request(data.lock, () => {
    work(data);
    return new Promise(() => undefined);
  });
