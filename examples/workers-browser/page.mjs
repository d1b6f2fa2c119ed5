// The page makes the machine, keeps watch while workers use it, and looks at it when they are gone.
import { Machine, MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE } from './vmaspace/index.js';

const log = (line) => document.querySelector('#log').append(`${line}\n`);

const machine = Machine.create({ bytes: 16 * 2 ** 20 });
const process = machine.spawn(); // nobody else is here: every call is allowed
const doomed = machine.spawn(); // what a worker changed when it ended may be half done
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const at = process.mmap(0, 64 * PAGE_SIZE, 3, ANON, -1, 0);
const there = doomed.mmap(0, 64 * PAGE_SIZE, 3, ANON, -1, 0);

/** Starts a worker at a place of its own, which is free again whatever its end. */
async function run({ id }, from, endAfter) {
  const shared = machine.reserve();
  const lock = `vmaspace worker ${shared.worker}`; // the worker's, for as long as it lives
  const worker = new Worker('worker.mjs', { type: 'module' });
  worker.postMessage({ shared, id, from, pages: 16, forever: endAfter !== undefined, lock });
  const said = await new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
  if (endAfter !== undefined) await new Promise((resolve) => setTimeout(resolve, endAfter));
  worker.terminate(); // the browser ends it some time later
  await navigator.locks.request(lock, () => undefined);
  const burial = machine.bury(shared.worker); // null after detach(): nothing to bury
  return burial === null ? said : `ended, and held [${burial.locks.join(', ')}]`;
}

const all = [run(process, at), run(process, at + 16 * PAGE_SIZE), run(doomed, there, 100)];
try {
  process.load(at);
} catch ({ message }) {
  log(message); // a page makes no calls beside workers
}
// What takes no lock is the page's at all times.
const timer = setInterval(() => log(`${process.glimpse()?.length ?? 'busy:'} VMAs`), 100);
for (const said of await Promise.all(all)) log(said);
clearInterval(timer);

process.verify(); // all are gone
log(process.maps());
process.exit();
log('done');
