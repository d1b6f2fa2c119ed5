// In a page: makes a machine, lets two workers store to one process, and says what it saw.
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from './bundle/index.js';

const RW = PROT_READ | PROT_WRITE;
const PAGES = 33;

function workerOf(message) {
  return new Promise((resolve, reject) => {
    const worker = new Worker('worker.mjs', { type: 'module' });
    worker.addEventListener('message', ({ data }) => resolve(data));
    worker.addEventListener('error', (event) => reject(new Error(event.message)));
    worker.postMessage(message, []);
  });
}

/** A child sees one moment: nothing that a worker stores later. */
function countMovingChildren(process, at) {
  let moving = 0;
  for (let round = 0; round < 30; round++) {
    const child = process.fork();
    const seen = child.load(at);
    for (let i = 0; i < 50; i++) if (child.load(at) !== seen) moving++;
    child.exit();
  }
  return moving;
}

function readFile(machine, process) {
  const contents = new TextEncoder().encode('bytes from memory');
  const fd = machine.open({ kind: 'regular', path: '/file', contents, writable: true });
  const at = process.mmap(0, 4096, RW, MAP_SHARED, fd, 0);
  const bytes = new Uint8Array(contents.length);
  process.read(at, bytes);
  return new TextDecoder().decode(bytes);
}

async function run() {
  const machine = Machine.create({ bytes: 32 * 2 ** 20, ramBytes: 64 * 2 ** 20 });
  const process = machine.spawn();
  const at = process.mmap(0, PAGES * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  process.store(at, 0);
  const file = readFile(machine, process);
  const shared = machine.share();
  const both = [0, 1].map((number) => workerOf({ shared, id: process.id, at, number }));
  const moving = countMovingChildren(process, at);
  const workers = await Promise.all(both);
  process.verify();
  const { anon } = process.rss();
  process.exit();
  machine.tearDown();
  return { isIsolated: crossOriginIsolated, file, moving, workers, anon };
}

const report = await run().catch((error) => ({ error: String(error.stack ?? error) }));
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
