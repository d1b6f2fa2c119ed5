// Children of a process that other workers use as well, each of which executes a program.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, start, pages, program, loader, execs } = workerData;
const P = 4096;
const machine = Machine.attach(shared);
const parent = machine.process(id);
const open = () => machine.dup(loader);
const wrong = [];
const places = [];

for (let i = 0; i < execs; i++) {
  const child = i % 2 === 0 ? parent.fork() : parent.vfork();
  if (typeof child === 'number') throw new Error(`no child: ${child}`);
  const argv = ['program', 'x'.repeat(i * 50)];
  const started = child.execve({ fd: program, path: '/program', argv, envp: [], open });
  if (typeof started === 'number') throw new Error(`execve gave ${started}`);
  places.push(`${started.entry} ${started.stackPointer}`);
  // There lies the type of the loader's first program header: PT_LOAD.
  if (child.load(started.entry) !== 1) wrong.push(`no loader at ${started.entry}`);
  if (child.load64(started.stackPointer) !== 2n) wrong.push(`no argc at ${started.stackPointer}`);
  if (child.load(start) > 0) wrong.push('the memory of the parent');
  child.verify();
  child.exit();
  parent.store(start + (i % pages) * P, i + 1);
}
machine.detach();
parentPort.postMessage({ wrong, places }, []);
