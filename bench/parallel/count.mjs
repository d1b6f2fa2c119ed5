/**
 * What one fault asks of the memory, counted and not timed: its atomic operations by kind, and the
 * bytes of a VMA in each generation of its lock. A thread of its own, since it puts counting
 * functions in the place of the real ones before the engine is loaded; and the modules, not the
 * bundle, since it looks up where a VMA lies.
 */
import { parentPort, workerData } from 'node:worker_threads';

const PAGE = 4096;
const PAGES = 512;
const VMAS = 10_000;
const [READ, READ_WRITE] = [1, 3];
const ANON = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const DONTNEED = 4;
const KINDS = ['load', 'store', 'add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange'];

const seen = { counts: {}, words: new Set() };
for (const kind of [...KINDS, 'wait', 'notify']) {
  const real = Atomics[kind];
  Atomics[kind] = (array, at, ...rest) => {
    seen.counts[kind] = (seen.counts[kind] ?? 0) + 1;
    seen.words.add(at);
    return real(array, at, ...rest);
  };
}
const { Machine } = await import(new URL('index.js', workerData.dist));
const { VMA_CACHE } = await import(new URL('engine/mm/vma_struct.js', workerData.dist));
const { vmaLookup } = await import(new URL('engine/mm/vma_iterator.js', workerData.dist));

function machineOf(vmaLock) {
  const sysctl = { max_map_count: 2 ** 20, totalram_pages: 2 ** 40 };
  return Machine.create({
    bytes: 64 * 2 ** 20,
    ramBytes: 16 * 2 ** 20,
    sysctl,
    protocol: { vmaLock },
  });
}

/** @returns operations by kind, of one of `times`. */
function counted(times, act) {
  seen.counts = {};
  act();
  const each = Object.entries(seen.counts).map(([kind, count]) => [kind, count / times]);
  // What refills a list once in 256 times is not what a fault does.
  const kinds = each.map(([kind, count]) => [kind, Math.round(count)]).filter(([, n]) => n > 0);
  return Object.fromEntries(kinds);
}

function faultsOf(vmaLock) {
  const process = machineOf(vmaLock).spawn();
  const at = process.mmap(0, PAGES * PAGE, READ_WRITE, ANON, -1, 0);
  const touch = (act) => {
    for (let i = 1; i < PAGES; i++) act(at + i * PAGE);
  };
  const store = () => touch((addr) => process.store(addr, 1, 1));
  const load = () => touch((addr) => process.load(addr, 1));
  const drop = () => {
    process.madvise(at, PAGES * PAGE, DONTNEED);
    process.load(at, 1);
  };
  const patterns = { write: [drop, store], read: [drop, load], copy: [() => fork(store), store] };
  const fork = (before) => {
    before();
    process.fork();
    process.store(at, 1, 1);
  };
  store(); // the tables and the anon_vma are there
  const counts = Object.entries(patterns).map(([name, [before, act]]) => {
    before();
    return [name, counted(PAGES - 1, act)];
  });
  return Object.fromEntries(counts);
}

const objects = (machine, name) => machine.report().caches.find((cache) => cache.name === name);

/** What lies in memory for each of many VMAs, and which bytes of one its lock uses. */
function bytesOf(vmaLock) {
  const machine = machineOf(vmaLock);
  const process = machine.spawn();
  const at = process.mmap(0, 3 * PAGE, READ_WRITE, ANON, -1, 0);
  const vma = vmaLookup(process.mm(), at);
  seen.words.clear();
  process.store(at, 1, 1);
  process.mprotect(at, PAGE, READ);
  process.munmap(at, 3 * PAGE);
  const end = vma + VMA_CACHE.words;
  const lock = [...seen.words].filter((word) => word >= vma && word < end).length * 4;
  const loop = () => process.munmap(process.mmap(0, PAGE, READ, ANON, -1, 0), PAGE);
  for (let i = 0; i < VMAS; i++) loop();
  const carved = objects(machine, 'vm_area_struct').carved;
  for (let i = 0; i < VMAS; i++) process.mmap(0, PAGE, i % 2 ? READ : READ_WRITE, ANON, -1, 0);
  const nodes = objects(machine, 'maple_node');
  const tree = (nodes.live * nodes.words * 4) / VMAS;
  return { record: VMA_CACHE.words * 4, lock, tree, carved };
}

const counts = workerData.generations.map((vmaLock) => ({
  vmaLock,
  atomics: faultsOf(vmaLock),
  bytes: bytesOf(vmaLock),
}));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage(counts);
