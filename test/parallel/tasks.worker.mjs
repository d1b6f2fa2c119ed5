// A part in the life of many processes: makes them and waits, runs and ends them, or kills them.
import { parentPort, workerData } from 'node:worker_threads';
import {
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  EAGAIN,
  ECHILD,
  EINTR,
  ENOMEM,
  Machine,
  SIGCHLD,
  SIGKILL,
  WNOHANG,
} from '../../dist/index.js';
import { randomFrom } from './random.mjs';

const { shared, id, role, rounds, seed, slots, status, start, pages } = workerData;
const P = 4096;
const RUNNING = 0; // of status: makers at work
const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
const NOTHING = { vmas: [], layout: {} };
const machine = Machine.attach(shared);
const counts = { made: 0, waited: 0, killed: 0, refused: 0, execs: 0, reaped: 0, met: 0 };
/** What should not have been, in words. */
const wrong = [];
const random = randomFrom(seed);

const addr = () => start + random(pages) * P;
const codeOf = (number) => number & 0x7f;

/** Gives a task to who runs them. */
function hand(task) {
  for (let slot = random(slots.length); ; slot = (slot + 1) % slots.length) {
    if (Atomics.compareExchange(slots, slot, 0, task) === 0) return;
  }
}

function isMade(task) {
  if (typeof task !== 'number') {
    counts.made++;
    return true;
  }
  if (task !== ENOMEM && task !== EINTR) wrong.push(`a child is ${task}`);
  counts.refused++;
  return false;
}

function waitFor(process, pid) {
  const ended = process.wait(pid);
  if (typeof ended === 'number') wrong.push(`wait(${pid}) gave ${ended}`);
  else if (ended.status === SIGKILL) counts.killed++;
  else if (ended.status !== codeOf(ended.pid) << 8) wrong.push(`${ended.pid}: ${ended.status}`);
  counts.waited++;
}

/** A child that another worker runs; this one sleeps until it has ended. */
function forkAndWait(process) {
  const child = process.fork();
  if (!isMade(child)) return;
  if (random(2) === 0) child.setOomScoreAdj(0);
  hand(child.id);
  waitFor(process, random(2) === 0 ? child.id : -1);
}

function several(process) {
  let left = 0;
  for (let i = 0; i < 4; i++) {
    const child = random(4) === 0 ? process.clone(CLONE_VM | SIGCHLD) : process.fork();
    if (!isMade(child)) continue;
    hand(child.id);
    left++;
  }
  for (; left > 0; left--) waitFor(process, -1);
  if (process.wait(-1, WNOHANG) !== ECHILD) wrong.push('a child is left');
}

function vfork(process) {
  const child = process.vfork();
  if (!isMade(child)) return;
  hand(child.id);
  if (process.awaitVfork(child) !== 0) wrong.push('a vfork is not waited for');
  waitFor(process, child.id);
}

/** One thread of a child is another worker's when this one makes it another program. */
function execBesideThread(process) {
  const child = process.fork();
  if (!isMade(child)) return;
  const thread = child.clone(THREAD);
  if (isMade(thread)) {
    counts.waited++; // nobody waits for a thread
    hand(thread.id);
  }
  const result = child.exec(NOTHING);
  if (result === 0) counts.execs++;
  else if (result !== EAGAIN && result !== ENOMEM) wrong.push(`exec gave ${result}`);
  child.exit(codeOf(child.id));
  waitFor(process, child.id);
}

/** Children of children become init's. */
function daemon(process) {
  const child = process.fork();
  if (!isMade(child)) return;
  const grandchild = child.fork();
  if (isMade(grandchild)) {
    counts.waited++; // init does
    hand(grandchild.id);
  }
  child.exit(codeOf(child.id));
  waitFor(process, child.id);
}

function make() {
  const process = machine.process(id);
  const deeds = [forkAndWait, several, vfork, execBesideThread, daemon];
  for (let i = 0; i < rounds; i++) {
    deeds[random(deeds.length)](process);
    const at = addr();
    process.store(at, i);
    const seen = process.load(at);
    if (seen !== i) wrong.push(`${seen} in the place of ${i}`);
  }
  process.verify();
  Atomics.sub(status, RUNNING, 1);
}

/** What a program might do; it ends early when it is told to. */
function live(task) {
  const process = machine.process(task);
  const isProcess = process.pid === task;
  const steps = random(3) === 0 ? 2000 : 10;
  for (let i = 0; i < steps && process.fatalSignal() === 0; i++) {
    if (random(3) === 0) process.store(addr(), i);
    else if (random(4) === 0) process.mprotect(addr(), P, 3 + random(2) * 4);
    else process.load(addr());
  }
  if (isProcess && random(3) === 0) process.exec(NOTHING);
  process.exit(codeOf(task));
}

function run() {
  while (Atomics.load(status, RUNNING) > 0 || slots.some((task) => task > 0)) {
    for (let slot = 0; slot < slots.length; slot++) {
      const task = Atomics.load(slots, slot);
      if (task <= 0 || Atomics.compareExchange(slots, slot, task, -task) !== task) continue;
      live(task);
      Atomics.store(slots, slot, 0);
    }
  }
}

/** Somebody who may just have ended. */
function victim() {
  const task = Math.abs(Atomics.load(slots, random(slots.length)));
  if (task === 0) return null;
  try {
    return machine.process(task);
  } catch {
    return null;
  }
}

function look() {
  for (const { met } of machine.walkMms(random(2) === 0 ? 'careful' : 'careless')) {
    if (met === 'mark' || met === 'foreign VMA') counts.met++;
  }
}

function kill() {
  while (Atomics.load(status, RUNNING) > 0) {
    const process = victim();
    const dice = random(12);
    if (dice === 0) counts.reaped += machine.outOfMemory() === null ? 0 : 1;
    else if (dice === 1) machine.failFork(['vma', 'pages', 'finish', 'open'][random(4)], random(3));
    else if (dice < 6) look();
    else if (dice < 8) process?.kill(SIGKILL);
    else process?.mrelease();
  }
  machine.failFork(null);
}

({ make, run, kill })[role]();
parentPort.postMessage({ ...counts, wrong }, []);
machine.detach();
