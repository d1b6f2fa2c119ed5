// A worker beside a page: it attaches, and does one thing.
import { parentPort, workerData } from 'node:worker_threads';

const { job, shared, id, start, pages, marks, ctx } = workerData;
if (job === 'sleepless') {
  Atomics.wait = () => {
    throw new TypeError('Atomics.wait cannot be called in this context');
  };
}
const { Machine } = await import('../../dist/index.js');
const { userfaultfdLock } = await import('../../dist/engine/file/userfaultfd_ctx.js');

const P = 4096;
const say = (what) => parentPort.postMessage(what, []);

function mark(value) {
  if (marks !== undefined) Atomics.store(marks, 0, value);
}

const JOBS = {
  /** Says that it is about to attach, attaches, and stays until it is told to go. */
  attach() {
    mark(1);
    const machine = Machine.attach(shared);
    Atomics.store(marks, 1, 1);
    machine.process(id).load(start);
    say('attached');
    Atomics.wait(marks, 0, 1);
    machine.detach();
    say('detached');
  },

  /** Attaches though it may not sleep either, says what a call gives, and leaves. */
  sleepless() {
    let machine;
    try {
      machine = Machine.attach(shared);
      machine.process(id);
    } catch ({ message }) {
      machine?.detach();
      say(machine === undefined ? message : { refused: message, left: true });
    }
    mark(1);
  },

  touch() {
    Machine.attach(shared).process(id).touch(start, 'write');
  },

  hold() {
    Machine.attach(shared);
    userfaultfdLock(ctx);
    say('holds');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },

  /** Replaces what is mapped, and splits and merges it. */
  storm() {
    const machine = Machine.attach(shared);
    const process = machine.process(id);
    for (let i = 0; i < 3000; i++) {
      const at = start + (i % (pages - 2)) * P;
      process.mmap(at, 2 * P, 3, 0x32, -1, 0);
      process.mprotect(at, P, 1);
      process.store(at + P, i);
    }
    machine.detach();
    say('over');
  },
};

JOBS[job]();
