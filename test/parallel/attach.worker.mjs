// A worker that attaches with what it is given, and says what came of it.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

function attach() {
  try {
    const machine = Machine.attach(workerData);
    const { worker } = machine;
    machine.detach();
    return { worker };
  } catch (error) {
    return { name: error.name, message: error.message };
  }
}

parentPort.postMessage(attach(), []);
