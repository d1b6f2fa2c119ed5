// Copies of the processes: each sees one moment, whoever runs it, and ends. And tasks that are
// condemned while they wait.
import { CLONE_VM, SIGCHLD, SIGKILL } from '../../../dist/index.js';
import { ALWAYS, ALWAYS_PAGES, IN_OWN, OWN_PAGES, ownAt, PAGE, tag } from '../places.mjs';
import { expected } from './expected.mjs';
import { checkPage } from './own.mjs';

const LOOKS = 10;
const AGAIN = 30;
const DEEDS = 60;
const NOTHING = { vmas: [], layout: {} };

/** What a child sees does not change, whatever its relatives do. */
export function checkFrozen(child, random, workers) {
  const places = Array.from({ length: LOOKS }, () =>
    random(2) === 0
      ? ownAt(random(workers), random(OWN_PAGES))
      : ALWAYS + random(ALWAYS_PAGES) * PAGE + 64 * (1 + random(workers)),
  );
  const seen = places.map((addr) => child.load(addr));
  for (let again = 0; again < AGAIN; again++) {
    const at = places.findIndex((addr, i) => child.load(addr) !== seen[i]);
    if (at >= 0) throw new Error(`a child's memory changes at ${places[at].toString(16)}`);
  }
}

export function taskOperations(stage, own) {
  const { machine, processes, me, workers, random, pick, book, slots, prey, tally } = stage;

  function forkOf(p) {
    const child = processes[p].fork();
    if (!(child instanceof Object)) throw new Error(`fork gave ${child}`);
    tally.forks++;
    return child;
  }

  /** What the worker itself has stored, it finds in the copy; and the other way round nothing. */
  function fork() {
    const p = pick();
    const child = forkOf(p);
    for (let i = 0; i < LOOKS; i++) {
      checkPage(child, book, { p, worker: me, page: random(OWN_PAGES) });
    }
    const page = random(OWN_PAGES);
    if (book.prot(p, page) === 3) storeApart(p, child, page);
    checkFrozen(child, random, workers);
    if (random(4) === 0) grandchild(child);
    child.exit();
  }

  function storeApart(p, child, page) {
    const value = tag(me, IN_OWN, p * OWN_PAGES + page, 0);
    expected('a store of a child', child.store(ownAt(me, page), value), 0);
    checkPage(processes[p], book, { p, worker: me, page });
    expected('a load of a child', child.load(ownAt(me, page)), value);
  }

  function grandchild(child) {
    const next = child.fork();
    if (!(next instanceof Object)) throw new Error(`fork of a child gave ${next}`);
    checkFrozen(next, random, workers);
    next.exit();
  }

  /** Others will end it. */
  function hand() {
    const child = forkOf(pick());
    const slot = random(slots.length);
    const before = Atomics.exchange(slots, slot, child.id);
    if (before !== 0) end(before);
  }

  function end(id) {
    const child = machine.process(id);
    checkFrozen(child, random, workers);
    if (random(4) === 0) child.maps();
    if (random(4) === 0) expected('exec', child.exec(NOTHING), 0);
    child.exit();
    tally.exits++;
  }

  function take() {
    const id = Atomics.exchange(slots, random(slots.length), 0);
    if (id !== 0) end(id);
  }

  function exec() {
    const child = forkOf(pick());
    expected('exec', child.exec(NOTHING), 0);
    child.exit();
  }

  /** A task in the same address space, which others kill while it waits for mmap_lock. */
  function condemned() {
    const p = pick();
    const task = processes[p].clone(CLONE_VM | SIGCHLD);
    if (!(task instanceof Object)) throw new Error(`clone gave ${task}`);
    Atomics.store(prey, me, task.id);
    const who = { p, process: task, isCondemned: true };
    const deeds = [own.map, own.unmap, own.protect];
    for (let i = 0; i < DEEDS && task.fatalSignal() === 0; i++) deeds[random(deeds.length)](who);
    if (task.fatalSignal() !== 0) tally.killed++;
    Atomics.store(prey, me, 0);
    task.exit();
  }

  function kill() {
    const id = Atomics.load(prey, random(prey.length));
    if (id === 0) return;
    try {
      machine.process(id).kill(SIGKILL);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // it has ended just now
    }
  }

  return { fork, hand, take, exec, condemned, kill };
}
