// The workers: started once, and sent from machine to machine and from round to round.
import { Worker } from 'node:worker_threads';
import { cpuOf, cpusSeen } from '../../dist/engine/arena/cpu.js';
import { locksHeld } from '../../dist/engine/sync/held_locks.js';
import { lockName } from '../../dist/engine/sync/lock_class.js';
import { waitsFor } from '../../dist/engine/sync/wait_line.js';

const URL_OF_WORKER = new URL('./stress.worker.mjs', import.meta.url);
const OVER = 0;
const SERVE_MS = 2;
/** A worker that does not end one operation for so long stands still. */
const STALL_MS = 30_000;

export class Crew {
  #workers;
  /** Whether the round is over; then of each worker how many operations it ended, and which it is at. */
  #status;
  #names = [];

  constructor(size) {
    this.#status = new Int32Array(new SharedArrayBuffer(4 * (1 + 2 * size)));
    this.#workers = Array.from({ length: size }, (_, me) => {
      return new Worker(URL_OF_WORKER, { workerData: { me, status: this.#status } });
    });
  }

  async attach(order) {
    const [{ names }] = await this.#tell({ order: 'attach', ...order });
    this.#names = names;
  }

  leave() {
    return this.#tell({ order: 'leave' });
  }

  /** Tells all of them the same, but for what `more` gives each. @returns what they answer. */
  #tell(order, more = () => ({})) {
    const answers = this.#workers.map((worker) => answerOf(worker));
    for (const [me, worker] of this.#workers.entries()) {
      worker.postMessage({ ...order, ...more(me) }, []);
    }
    return Promise.all(answers);
  }

  /**
   * One round. @returns what each worker has counted. @throws Error that names the operation which
   * failed, or those that stand still.
   */
  async round({ ms, seed, serve, ...round }) {
    Atomics.store(this.#status, OVER, 0);
    const end = setTimeout(() => Atomics.store(this.#status, OVER, 1), ms);
    let timers = [];
    const failed = new Promise((_, reject) => {
      timers = [this.#watch(reject), this.#serve(serve, reject)];
    });
    try {
      const answers = this.#tell({ order: 'run', ...round }, (me) => ({ seed: seed + me * 1009 }));
      const told = await Promise.race([answers, failed]);
      return told.map(({ tally }) => tally);
    } finally {
      clearTimeout(end);
      for (const timer of timers) clearInterval(timer);
    }
  }

  /** Does what only this thread can, as workers wait for it. */
  #serve(serve, reject) {
    return setInterval(() => {
      try {
        serve();
      } catch (error) {
        reject(error);
      }
    }, SERVE_MS);
  }

  /** Says when some worker gets no further. */
  #watch(reject) {
    let seen = this.#status.slice();
    return setInterval(() => {
      const stands = this.#workers
        .map((_, me) => me)
        .filter((me) => this.#at(me) !== 0 && seen[1 + 2 * me] === this.#status[1 + 2 * me]);
      if (stands.length > 0) reject(new Error(this.#stalledText(stands)));
      seen = this.#status.slice();
    }, STALL_MS);
  }

  #at = (me) => Atomics.load(this.#status, 2 + 2 * me);

  /** Who holds what, and waits for what: the machine is this thread's. */
  #stalledText(workers) {
    const lines = workers.map(
      (me) => `worker ${me} stands still in ${this.#names[this.#at(me) - 1]}`,
    );
    for (let id = 0; id < cpusSeen(); id++) {
      const held = locksHeld(cpuOf(id)).map((each) => lockText(each));
      const wanted = waitsFor(cpuOf(id));
      const waits = wanted === 0 ? '' : `, waits for lock ${wanted}`;
      lines.push(`  place ${id} holds [${held.join(', ')}]${waits}`);
    }
    return lines.join('\n');
  }

  async end() {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

const MODES = ['', ' for read', ' for write'];
const lockText = ({ lock, cls, mode }) => `${lockName(cls)} ${lock}${MODES[mode]}`;

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
