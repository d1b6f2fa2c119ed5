/**
 * The words of small models of the kernel's protocols, and the primitives on them: what a lock is
 * there, not how the engine makes one.
 */
import { Atomics, check } from '../../src/lab/check/index.ts';

const NAMES: string[] = [];

/** Names words. @returns the first. */
function words(name: string, count = 1): number {
  const first = NAMES.length;
  for (let i = 0; i < count; i++) NAMES.push(count === 1 ? name : `${name}[${i}]`);
  return first;
}

export const MMAP_LOCK = words('mmap_lock', 3);
export const MM_LOCK_SEQ = words('mm_lock_seq', 3);
export const MM_ALIVE = words('mm_alive', 3);
export const RCU = words('rcu_nesting', 1);
export const SLOT = words('tree.slot', 2);
export const NODE_ALIVE = words('node_alive', 3);
export const VMA_ALIVE = words('vma_alive');
export const VM_LOCK = words('vm_lock');
export const VM_LOCK_SEQ = words('vm_lock_seq');
export const DETACHED = words('detached');
export const VM_MM = words('vm_mm');
export const VM_START = words('vm_start');
export const VM_END = words('vm_end');
export const VM_REFCNT = words('vm_refcnt');
export const VM_POLICY = words('vm_policy');
export const POLICY_ALIVE = words('policy_alive', 2);
export const ANON_VMA = words('anon_vma');
export const MMF_UNSTABLE = words('MMF_UNSTABLE');
export const MMLIST = words('mmlist');
export const CHILD_TREE = words('child_tree', 3);
export const PAGE = words('page', 2);
/** Of a scenario's own: events, references. */
export const EVENT = words('event', 3);

export const nameOf = (at: number): string | undefined => NAMES[at];

export type Words = Int32Array;

/** One VMA of mm 1 at [0x1000, 0x2000), in the tree of mm 1; nobody holds anything. */
export function freshWords(): Words {
  const w = new Int32Array(NAMES.length);
  w.set([1, 1, 1], MM_ALIVE);
  w.set([1, 0], SLOT);
  w.set([1, 1, 1], NODE_ALIVE);
  w.set([1, 1], POLICY_ALIVE);
  w.set([1, 2, 3], CHILD_TREE);
  w[VMA_ALIVE] = w[VM_MM] = w[VM_REFCNT] = w[ANON_VMA] = 1;
  w[VM_LOCK_SEQ] = -1;
  w[VM_START] = 0x1000;
  w[VM_END] = 0x2000;
  return w;
}

export const load = (w: Words, at: number): number => Atomics.load(w, at);
export const store = (w: Words, at: number, value: number): void =>
  void Atomics.store(w, at, value);
export const add = (w: Words, at: number, value: number): number => Atomics.add(w, at, value);
export const cas = (w: Words, at: number, from: number, to: number): number =>
  Atomics.compareExchange(w, at, from, to);
export const wake = (w: Words, at: number): void => void Atomics.notify(w, at);

/** Sleeps until the word holds `value`. */
export function waitUntil(w: Words, at: number, value: number): void {
  for (let now: number; (now = load(w, at)) !== value;) Atomics.wait(w, at, now);
}

/** A lock with one word: -1 a writer, otherwise the number of readers. */
export function writeLock(w: Words, at: number): void {
  for (let was: number; (was = cas(w, at, 0, -1)) !== 0;) Atomics.wait(w, at, was);
}

export function writeUnlock(w: Words, at: number): void {
  store(w, at, 0);
  wake(w, at);
}

export function readLock(w: Words, at: number): void {
  for (;;) {
    const count = load(w, at);
    if (count < 0) Atomics.wait(w, at, count);
    else if (cas(w, at, count, count + 1) === count) return;
  }
}

export function readUnlock(w: Words, at: number): void {
  if (add(w, at, -1) === 1) wake(w, at);
}

export const mmapWriteLock = (w: Words, mm: number): void => writeLock(w, MMAP_LOCK + mm);
export const mmapReadLock = (w: Words, mm: number): void => readLock(w, MMAP_LOCK + mm);
export const mmapReadUnlock = (w: Words, mm: number): void => readUnlock(w, MMAP_LOCK + mm);

/** Ends all VMA write locks, by the sequence, of which `mask` says how many bits there are. */
export function mmapWriteUnlock(w: Words, mm: number, mask = 0xffff): void {
  store(w, MM_LOCK_SEQ + mm, (load(w, MM_LOCK_SEQ + mm) + 1) & mask);
  writeUnlock(w, MMAP_LOCK + mm);
}

/** Without that. */
export const mmapUnlockOnly = (w: Words, mm: number): void => writeUnlock(w, MMAP_LOCK + mm);

export const rcuReadLock = (w: Words): void => void add(w, RCU, 1);
export function rcuReadUnlock(w: Words): void {
  add(w, RCU, 1);
  wake(w, RCU);
}

/** Waits for the one reader there is, if it is inside. */
export function synchronizeRcu(w: Words): void {
  const seen = load(w, RCU);
  if (seen % 2 === 0) return;
  while (load(w, RCU) === seen) Atomics.wait(w, RCU, seen);
}

/** vma_start_read() of the rwsem protocol, for mm. */
export function vmaStartRead(w: Words, mm: number): boolean {
  if (load(w, VM_LOCK_SEQ) === load(w, MM_LOCK_SEQ + mm)) return false;
  const count = load(w, VM_LOCK);
  if (count < 0 || cas(w, VM_LOCK, count, count + 1) !== count) return false;
  if (load(w, VM_LOCK_SEQ) !== load(w, MM_LOCK_SEQ + mm)) return true;
  vmaEndRead(w);
  return false;
}

export const vmaEndRead = (w: Words): void => readUnlock(w, VM_LOCK);

export function vmaStartWrite(w: Words, mm: number): void {
  const seq = load(w, MM_LOCK_SEQ + mm);
  if (load(w, VM_LOCK_SEQ) === seq) return;
  writeLock(w, VM_LOCK);
  store(w, VM_LOCK_SEQ, seq);
  writeUnlock(w, VM_LOCK);
}

/** The object of whose life the word tells must not have been freed. */
export const touch = (w: Words, alive: number, what: string): void =>
  check(load(w, alive) === 1, `use after free: ${what}`);
