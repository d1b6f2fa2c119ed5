// A user's program with a mistake: its driver looks at a VMA that has been unmapped.
import { Machine, MAP_SHARED, PROT_READ, registerDriver, vmStart } from 'vmaspace';

let kept = 0;
const table = { name: 'late', close: (vma) => void (kept = vma) };
const mmap = (_file, vma) => {
  vma.vmOps = table;
  return 0;
};
registerDriver({ name: 'late', vmOperations: [table], fileOperations: { mmap } });

const machine = Machine.create({ bytes: 4 * 2 ** 20 });
const process = machine.spawn();
const fd = machine.open({ kind: 'driver', driver: 'late', path: '/f', size: 4096 });
const at = process.mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
process.munmap(at, 4096);
console.log(`the VMA that was unmapped began at ${vmStart(kept)}`);
