// Stores to a mapped file, and ends as it is told to, without msync().
import { Machine, MAP_SHARED, PROT_READ, PROT_WRITE } from '../../dist/index.js';
import { NodeFiles, openPath } from '../../dist/host/node_files.js';

const [path, end] = globalThis.process.argv.slice(2);
const machine = Machine.create({ bytes: 8 * 2 ** 20, host: new NodeFiles() });
const fd = openPath(machine, path, { writable: true });
const process = machine.spawn();
const at = process.mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
process.store(at, 0x41424344);
process.store(at + 4096, 0x45464748);

if (end === 'throw') throw new Error('the program crashes');
if (end === 'exit') globalThis.process.exit(7);
if (end === 'reject') await Promise.reject(new Error('the program crashes'));
if (end.startsWith('SIG')) {
  setInterval(() => {}, 1000);
  globalThis.process.kill(globalThis.process.pid, end);
}
