/** Reads maps of another worker's process for as long as it is told to: see bench/readers.mjs. */
import { parentPort, workerData } from 'node:worker_threads';
import { pinTo, runDelay } from '../quiet.mjs';

const [COMMAND, SHOWN, DELAY] = [0, 1, 2];
const [REST, PIECES, WHOLE, END] = [0, 1, 2, 3];
const PAGE = 4096;

const { index, shared, id, status } = workerData;
const { Machine } = await import(index);
pinTo(1);
const machine = Machine.attach(shared);
const process = machine.process(id);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage('ready');

let read = process.openMaps();

function readPiece() {
  const piece = read(PAGE);
  if (piece.length === 0) read = process.openMaps();
  Atomics.add(status, SHOWN, piece.length);
}

/** Looked at once in a while: it is a call of the system. */
let pieces = 0;

for (let command = REST; command !== END; command = Atomics.load(status, COMMAND)) {
  if (command === PIECES) readPiece();
  else if (command === WHOLE) Atomics.add(status, SHOWN, process.maps().length);
  else Atomics.wait(status, COMMAND, REST);
  if (command !== PIECES || ++pieces % 16 === 0) {
    Atomics.store(status, DELAY, (runDelay() ?? 0) / 1000);
  }
}
machine.detach();
