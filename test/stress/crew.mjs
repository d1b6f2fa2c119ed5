// The workers: started once, and sent from machine to machine and from round to round.
import { Worker } from 'node:worker_threads';
import { cpuOf, cpusSeen } from '../../dist/engine/arena/cpu.js';
import { locksHeld } from '../../dist/engine/sync/held_locks.js';
import { lockName } from '../../dist/engine/sync/lock_class.js';
import { waitsFor } from '../../dist/engine/sync/wait_line.js';
import { doingAt, endedAt, OVER, statusOf } from './status.mjs';

const URL_OF_WORKER = new URL('./stress.worker.mjs', import.meta.url);
const SERVE_MS = 2;
/** A worker that does not end one operation for so long stands still. */
const STALL_MS = 30_000;

export function startCrew(size) {
  const status = statusOf(size);
  const start = (_, me) => new Worker(URL_OF_WORKER, { workerData: { me, status } });
  return { status, workers: Array.from({ length: size }, start), names: [] };
}

export async function attachCrew(crew, order) {
  const [{ names }] = await tell(crew, { order: 'attach', ...order });
  crew.names.splice(0, crew.names.length, ...names);
}

export const leaveMachine = (crew) => tell(crew, { order: 'leave' });

export const endCrew = ({ workers }) => Promise.all(workers.map((worker) => worker.terminate()));

/** Tells all of them the same, but for what `more` gives each. @returns what they answer. */
function tell({ workers }, order, more = () => ({})) {
  const answers = workers.map(answerOf);
  for (const [me, worker] of workers.entries()) worker.postMessage({ ...order, ...more(me) }, []);
  return Promise.all(answers);
}

/** @returns what the worker says next. @throws Error when it fails or ends. */
function answerOf(worker) {
  return new Promise((resolve, reject) => {
    const settle = (act) => (value) => {
      for (const name of ['message', 'error', 'exit']) worker.removeAllListeners(name);
      act(value);
    };
    const answer = ({ me, failure, ...rest }) => {
      if (failure === undefined) resolve(rest);
      else reject(new Error(`worker ${me}: ${failure}`));
    };
    worker.once('message', settle(answer));
    worker.once('error', settle(reject));
    worker.once(
      'exit',
      settle((code) => reject(new Error(`a worker ended with ${code}`))),
    );
  });
}

/**
 * One round; `serve` does what only this thread can, as workers wait for it.
 *
 * @returns what each worker has counted. @throws Error that names the operation which failed, or
 *   those that stand still.
 */
export async function runRound(crew, { ms, seed, serve, ...storm }) {
  Atomics.store(crew.status, OVER, 0);
  const timers = [setTimeout(() => Atomics.store(crew.status, OVER, 1), ms)];
  const failed = new Promise((_, reject) => {
    timers.push(setInterval(orReject(serve, reject), SERVE_MS));
    timers.push(setInterval(orReject(stallWatch(crew), reject), STALL_MS));
  });
  try {
    const answers = tell(crew, { order: 'run', ...storm }, (me) => ({ seed: seed + me * 1009 }));
    const told = await Promise.race([answers, failed]);
    return told.map(({ tally }) => tally);
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function orReject(act, reject) {
  return () => {
    try {
      act();
    } catch (error) {
      reject(error);
    }
  };
}

/** @returns what throws when some worker has got no further since the last time. */
function stallWatch(crew) {
  let seen = crew.status.slice();
  return () => {
    const now = crew.status.slice();
    const isStill = (_, me) => now[doingAt(me)] !== 0 && seen[endedAt(me)] === now[endedAt(me)];
    const still = crew.workers.map(isStill);
    if (still.includes(true)) throw new Error(stallText(crew, still));
    seen = now;
  };
}

/** Who holds what, and waits for what: the machine is this thread's. */
function stallText({ names, status }, still) {
  const lines = [...still.entries()]
    .filter(([, isStill]) => isStill)
    .map(([me]) => `worker ${me} stands still in ${names[status[doingAt(me)] - 1]}`);
  for (let id = 0; id < cpusSeen(); id++) {
    const held = locksHeld(cpuOf(id)).map(lockText);
    const wanted = waitsFor(cpuOf(id));
    const waits = wanted === 0 ? '' : `, waits for lock ${wanted}`;
    lines.push(`  place ${id} holds [${held.join(', ')}]${waits}`);
  }
  return lines.join('\n');
}

const MODES = ['', ' for read', ' for write'];
const lockText = ({ lock, cls, mode }) => `${lockName(cls)} ${lock}${MODES[mode]}`;
