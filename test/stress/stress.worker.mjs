// One worker of the stress run: attaches to the machine it is told of, and in each round does what
// its generator draws, until the round ends.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine, registerDriver } from '../../dist/index.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';
import { randomFrom } from '../parallel/random.mjs';
import { bookOf } from './book.mjs';
import { doingAt, endedAt, OVER } from './status.mjs';
import { DRIVERS } from './drivers.mjs';
import { PROCESSES } from './places.mjs';
import { drawer, operationsOf } from './themes.mjs';

const { me, status } = workerData;

for (const driver of DRIVERS) registerDriver(driver);

let machine = null;
let stage = null;
let operations = null;
const tally = {};

function clearTally() {
  const names = ['operations', 'gaps', 'interrupted', 'killed', 'signals'];
  for (const name of [...names, 'forks', 'exits', 'filled', 'slept']) tally[name] = 0;
}

function attach({ shared, ids, fds, book, slots, prey, workers, form }) {
  machine = Machine.attach(shared);
  const processes = ids.map((id) => machine.process(id));
  const mms = ids.map((id) => taskMm(findTaskLocked(id)));
  const places = { slots: new Int32Array(slots), prey: new Int32Array(prey) };
  const all = { machine, processes, mms, me, workers, form, fds, tally, ...places };
  const random = (below) => stage.draw(below);
  // Most of a round is about one process: there they meet.
  const pick = () => (random(4) > 0 ? stage.hot : random(PROCESSES));
  stage = { ...all, random, pick, book: bookOf(book, me) };
  operations = operationsOf(stage);
  return { names: [...operations.keys()] };
}

/** Does what is drawn, until the round is over. @returns what was counted. */
function run({ theme, without, seed, hot }) {
  clearTally();
  stage.hot = hot;
  stage.draw = randomFrom(seed);
  const names = [...operations.keys()];
  const draw = drawer(names, { theme, without }, stage.draw);
  while (Atomics.load(status, OVER) === 0) {
    const name = draw();
    Atomics.store(status, doingAt(me), 1 + names.indexOf(name));
    act(name);
    tally.operations++;
    Atomics.add(status, endedAt(me), 1);
  }
  Atomics.store(status, doingAt(me), 0);
  return { tally };
}

function act(name) {
  try {
    operations.get(name)();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}

function leave() {
  machine.detach();
  return {};
}

const ORDERS = { attach, run, leave };

/** @returns the answer to an order, or how it failed. */
function obey({ order, ...rest }) {
  try {
    return ORDERS[order](rest);
  } catch (error) {
    const { stack = String(error) } = error.cause ?? error;
    return { failure: `${error.message}\n${stack}` };
  }
}

parentPort.on('message', (message) => parentPort.postMessage({ me, ...obey(message) }, []));
