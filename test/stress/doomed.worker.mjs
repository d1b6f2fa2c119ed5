// A worker that is ended in the middle of whatever it does: it changes a process of its own, and
// looks at those of the others.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';
import { taskMm } from '../../dist/engine/mm/task_struct.js';
import { findTaskLocked } from '../../dist/engine/task/tasklist.js';
import { randomFrom } from '../parallel/random.mjs';
import { ANON, SHARED } from './operations/expected.mjs';
import { readerOperations } from './operations/readers.mjs';
import { alwaysOperations } from './operations/shared.mjs';
import { PAGE, START } from './places.mjs';

const PAGES = 32;
const { shared, id, ids, fd, workers, form, seed } = workerData;
const machine = Machine.attach(shared);
const own = machine.process(id);
const random = randomFrom(seed);
const stage = {
  machine,
  processes: ids.map((other) => machine.process(other)),
  mms: ids.map((other) => taskMm(findTaskLocked(other))),
  me: workers,
  workers,
  random,
  pick: () => random(ids.length),
  tally: { gaps: 0 },
  form,
};
const { maps, pieces, vmas, query, layout } = readerOperations(stage);
const { look, lookLocked, find } = alwaysOperations(stage);

const addr = () => START + random(PAGES) * PAGE;
const len = () => (1 + random(8)) * PAGE;

const DEEDS = [
  () => own.mmap(addr(), len(), random(8), ANON, -1, 0),
  () => own.mmap(addr(), len(), 3, SHARED, fd, 0),
  () => own.munmap(addr(), len()),
  () => own.mprotect(addr(), len(), random(8)),
  () => own.mremap(addr(), 2 * PAGE, 2 * PAGE, 3, addr()),
  () => own.store(addr(), 1),
  () => own.fork().exit(),
  () => machine.truncate(fd, random(8) * PAGE),
  maps,
  pieces,
  vmas,
  query,
  layout,
  look,
  lookLocked,
  find,
];

parentPort.postMessage('begins', []);
for (;;) DEEDS[random(DEEDS.length)]();
