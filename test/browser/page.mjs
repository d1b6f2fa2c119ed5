// In a page: makes a machine, lets workers use one process of it, and says what it saw.
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from './bundle/index.js';
import { startWorker } from './workers.mjs';

const RW = PROT_READ | PROT_WRITE;
const PAGES = 33;

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
  const all = ['stores', 'stores', 'forks'].map((job, number) => {
    const { tell, said } = startWorker();
    tell({ job, shared, id: process.id, at, number });
    return said();
  });
  const workers = await Promise.all(all);
  process.verify(); // all have left, so the page may call again
  const { anon } = process.rss();
  process.exit();
  machine.tearDown();
  return { isIsolated: crossOriginIsolated, file, workers, anon };
}

const report = await run().catch((error) => ({ error: String(error.stack ?? error) }));
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
