// In a page: workers fault, replace, protect and read one address space in parallel, in every form
// of the VMA lock; one is terminated in the middle, and the page, which never waits, buries it.
import { Machine, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from './bundle/index.js';
import { startWorker } from './workers.mjs';

const P = 4096;
const START = 0x200000000000;
/** What is replaced at all times, and what one worker alone replaces. */
const PAGES = 16;
const DOOMED = START + 64 * P;
const LARGE = START + 2 ** 32;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const ROUNDS = 400;
const HELD_MS = 200;

/** Ticks all the time. The function ends it, and says how long the page was late at most. */
function keepTime() {
  const kept = { longest: 0, count: 0 };
  let last = performance.now();
  const tick = () => {
    const now = performance.now();
    kept.longest = Math.max(kept.longest, now - last);
    kept.count++;
    last = now;
  };
  const timer = setInterval(tick, 1);
  return () => {
    clearInterval(timer);
    tick();
    return kept;
  };
}

function sentenceOf(act) {
  try {
    return `it gave ${act()}`;
  } catch ({ message }) {
    return message;
  }
}

/** An address space with many pages, so that a fork takes long. */
function prepare(protocol) {
  const machine = Machine.create({ bytes: 32 * 2 ** 20, ramBytes: 64 * 2 ** 20, protocol });
  const process = machine.spawn();
  process.mmap(START, PAGES * P, 3, FIXED, -1, 0);
  process.mmap(DOOMED, PAGES * P, 3, FIXED, -1, 0);
  process.mmap(LARGE, 2000 * P, 3, FIXED, -1, 0);
  process.touchRange(LARGE, 2000 * P, 'write');
  return { machine, process };
}

/** Ends a worker that holds a lock others wait for, and ends what it had begun. */
async function terminate(machine, { worker, name, number }) {
  worker.terminate(); // returns before it has happened: a script may run on for two seconds
  await navigator.locks.request(name, () => undefined);
  return machine.bury(number).locks;
}

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

async function runOne(protocol, team, isAsleep) {
  const { machine, process } = prepare(protocol);
  const begin = (to, more) => {
    const shared = machine.reserve();
    const name = `worker ${shared.worker}`;
    to.tell({ shared, id: process.id, at: START, pages: PAGES, rounds: ROUNDS, name, ...more });
    return { ...to, number: shared.worker, name };
  };
  const endTime = keepTime();
  const half = PAGES / 2;
  const jobs = [
    { job: 'faults', pages: half },
    { job: 'faults', at: START + half * P, pages: half },
    { job: 'reads' },
    { job: 'holds', rounds: 4 },
  ];
  const workers = jobs.map((job, i) => begin(team[i], job));
  const doomed = begin(startWorker('doomed.worker.mjs'), { at: DOOMED, isAsleep });
  const refused = sentenceOf(() => process.load(START));
  await doomed.said();
  await pause(HELD_MS); // nobody gets mmap_lock meanwhile, and the page keeps time
  const glimpsed = process.glimpse();
  const locks = await terminate(machine, doomed);
  const said = await Promise.all(workers.map((worker) => worker.said()));
  const { longest, count } = endTime();
  const { warnings } = machine.report();
  process.verify();
  process.exit();
  machine.tearDown(); // throws when anything is left
  return { ...protocol, said, refused, glimpsed, locks, longest, count, warnings };
}

async function run() {
  const team = Array.from({ length: 4 }, () => startWorker());
  const reports = [];
  for (const vmaLock of ['refcnt', 'typesafe', 'rwsem', 'off']) {
    for (const munmap of ['gather', 'two-step']) {
      reports.push(await runOne({ vmaLock, munmap }, team, reports.length === 0));
    }
  }
  return reports;
}

const report = await run().catch((error) => ({ error: String(error.stack ?? error) }));
await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
