// Reads a userfaultfd, sleeping while there is nothing, and adds up what was unmapped.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, fd, events } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);

let pages = 0;
let wrong = 0;
for (let i = 0; i < events; i++) {
  const message = process.uffdRead(fd);
  if (message.event !== 'unmap') wrong++;
  // It is told of after it has happened.
  else if (process.find(message.start) !== null) wrong++;
  else pages += (message.end - message.start) / 4096;
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage({ pages, wrong });
machine.detach();
