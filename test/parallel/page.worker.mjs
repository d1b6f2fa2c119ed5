// A thread that may not sleep, as a browser's main thread: runs one scenario, and says what it saw.
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';

Atomics.wait = () => {
  throw new TypeError('Atomics.wait cannot be called in this context');
};
const { Machine, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM } = await import('../../dist/index.js');
const { cpuOfWorker } = await import('../../dist/engine/arena/cpu.js');
const { C_USERFAULT } = await import('../../dist/engine/arena/layout.js');
const { word } = await import('../../dist/engine/arena/memory.js');
const { fget } = await import('../../dist/engine/file/fd_table.js');
const { fileUserfaultfd, fput } = await import('../../dist/engine/file/file_struct.js');

const P = 4096;
const START = 0x200000000000;
const PAGES = 16;
const MISSING = 1; // UFFDIO_REGISTER_MODE_MISSING
const ANON = 0x32; // MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED

const machine = Machine.create({ bytes: 8 * 2 ** 20, protocol: workerData.protocol ?? {} });
const process = machine.spawn();
process.mmap(START, PAGES * P, 3, ANON, -1, 0);

const sentenceOf = (act) => {
  try {
    return act();
  } catch ({ message }) {
    return message;
  }
};

/** Another worker of this machine. */
function startBeside(job, shared, more = {}) {
  const data = { job, shared, id: process.id, start: START, pages: PAGES, ...more };
  const worker = new Worker(new URL('page_beside.worker.mjs', import.meta.url), {
    workerData: data,
  });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  const said = async () => (await Promise.race([once(worker, 'message'), failed]))[0];
  return { worker, said, exited: once(worker, 'exit') };
}

/** No calls: parts of them, or below, each by itself. */
const SKIPPED = ['constructor', 'enter', 'look', 'mm', 'renumber', 'relative'];
SKIPPED.push('reserve', 'bury', 'detach', 'witnessFailures');

/** What each method and getter does now: refuses, finds its arguments wrong, or does it. */
function outcomes(target) {
  const found = { refused: [], wrong: [], done: [] };
  const seen = new Set(SKIPPED);
  let at = Object.getPrototypeOf(target);
  for (; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const act = () => {
        const member = target[name];
        return typeof member === 'function' ? member.call(target, 0, 0, 'read', 0, 0, 0) : member;
      };
      found[kindOf(sentenceOf(act))].push(name);
    }
  }
  return found;
}

function kindOf(what) {
  if (typeof what === 'string' && what.startsWith('This thread may not sleep')) return 'refused';
  return typeof what === 'number' && what < 0 ? 'wrong' : 'done';
}

const SCENARIOS = {
  beside() {
    process.store(START, 7);
    const { worker } = machine.reserve();
    const before = JSON.stringify(machine.report());
    const [ofMachine, ofProcess] = [outcomes(machine), outcomes(process)];
    const sentence = sentenceOf(() => process.load(START));
    const isUntouched = JSON.stringify(machine.report()) === before;
    const locks = machine.bury(worker).locks;
    return { ofMachine, ofProcess, sentence, isUntouched, locks, loaded: process.load(START) };
  },

  events() {
    const child = process.vfork();
    const waited = [process.wait(), process.awaitVfork(child)];
    child.exit();
    waited.push(process.wait().pid === child.id, process.awaitVfork(child));
    const fd = process.userfaultfd(0);
    process.uffdApi(fd, 0);
    process.uffdRegister(fd, START, P, MISSING);
    const faults = [process.uffdRead(fd), process.touch(START, 'write')];
    process.onUserfault(fd, () => void process.uffdZeropage(fd, START, P));
    faults.push(process.touch(START, 'write'));
    machine.close(fd);
    const thread = process.clone(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND);
    const execs = [process.exec({ vmas: [], layout: {} })];
    thread.exit();
    execs.push(process.exec({ vmas: [], layout: {} }));
    return { waited, faults, execs };
  },

  async turns() {
    const marks = new Int32Array(new SharedArrayBuffer(8));
    process.store(START, 1); // the turn begins
    const { said } = startBeside('attach', machine.share(), { marks });
    while (Atomics.load(marks, 0) === 0); // it is about to attach
    const until = performance.now() + 100;
    while (performance.now() < until) process.store(START, 2);
    const attachedEarly = Atomics.load(marks, 1);
    await said();
    const refused = sentenceOf(() => process.load(START));
    const number = machine.worker;
    Atomics.store(marks, 0, 2);
    Atomics.notify(marks, 0);
    await said();
    return { attachedEarly, refused, number, loaded: process.load(START) };
  },

  async another() {
    const marks = new Int32Array(new SharedArrayBuffer(8));
    process.store(START, 1);
    const first = startBeside('sleepless', machine.share(), { marks });
    while (Atomics.load(marks, 0) === 0);
    const inTurn = await first.said();
    await first.exited;
    process.load(START); // it has left nothing
    const second = startBeside('sleepless', machine.share());
    const { refused, left } = await second.said();
    return { inTurn, refused, left, loaded: process.load(START) };
  },

  async burials() {
    const fd = process.userfaultfd(0);
    process.uffdApi(fd, 0);
    process.uffdRegister(fd, START, P, MISSING);
    const file = fget(fd);
    const ctx = fileUserfaultfd(file);
    fput(file);
    const [faulting, holding] = [machine.reserve(), machine.reserve()];
    const one = startBeside('touch', faulting);
    while (word(cpuOfWorker(faulting.worker) + C_USERFAULT) !== ctx) await setImmediate();
    const other = startBeside('hold', holding, { ctx });
    await other.said();
    await Promise.all([one.worker.terminate(), other.worker.terminate()]);
    // The first one's fault ends though the lock of its queue is held by the second.
    const locks = [faulting, holding].map(({ worker }) => machine.bury(worker).locks);
    machine.close(fd);
    return { locks, touched: process.touch(START, 'write') };
  },

  async glimpses() {
    const quiet = process.vmas().map(({ start, end, flags, pgoff }) => ({
      start,
      end,
      flags,
      pgoff,
    }));
    const isSame = JSON.stringify(quiet) === JSON.stringify(process.glimpse());
    const { said } = startBeside('storm', machine.share());
    const state = { isOver: false };
    const over = said().then(() => (state.isOver = true));
    const seen = { whole: 0, torn: 0, gaps: 0 };
    while (!state.isOver) {
      const vmas = process.glimpse();
      if (vmas === null) seen.torn++;
      else if (isWhole(vmas)) seen.whole++;
      else seen.gaps++;
      await setImmediate();
    }
    await over;
    const fork = process.fork();
    fork.exit();
    return { isSame, ...seen, ofTheDead: fork.glimpse() };
  },
};

/** No gap in what is always mapped. */
function isWhole(vmas) {
  let at = START;
  for (const { start, end } of vmas) if (start <= at && end > at) at = end;
  return at >= START + PAGES * P;
}

const result = await SCENARIOS[workerData.scenario]();
process.exit();
machine.tearDown();
parentPort.postMessage(result, []);
