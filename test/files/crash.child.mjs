// Stores to a mapped file, and ends as it is told to, without msync().
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { NodeFiles, openPath } from '../../dist/host/node_files.js';
import { Machine, MAP_SHARED, PROT_READ, PROT_WRITE } from '../../dist/index.js';

const program = globalThis.process;

function storeTo(process, at) {
  process.store(at, 0x41424344);
  process.store(at + 4096, 0x45464748);
}

if (isMainThread) {
  const [path, end] = program.argv.slice(2);
  const machine = Machine.create({ bytes: 8 * 2 ** 20, host: new NodeFiles() });
  const fd = openPath(machine, path, { writable: true });
  const process = machine.spawn();
  const at = process.mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (end.startsWith('worker')) {
    const stored = new Int32Array(new SharedArrayBuffer(4));
    const data = { shared: machine.share(), id: process.id, at, stored };
    machine.detach();
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    while (Atomics.load(stored, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    if (end === 'worker terminated') await worker.terminate();
    program.exit(7);
  }
  storeTo(process, at);
  if (end === 'throw') throw new Error('the program crashes');
  if (end === 'exit') program.exit(7);
  if (end === 'reject') await Promise.reject(new Error('the program crashes'));
  if (end.startsWith('SIG')) {
    setInterval(() => {}, 1000);
    program.kill(program.pid, end);
  }
} else {
  const machine = Machine.attach(workerData.shared, { host: new NodeFiles() });
  storeTo(machine.process(workerData.id), workerData.at);
  Atomics.store(workerData.stored, 0, 1);
  setInterval(() => {}, 1000);
}
