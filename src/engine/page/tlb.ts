/**
 * A software TLB: the translations this worker used last, for one address space at a time.
 *
 *   slot = page number modulo 512      read:  tag -> word of the frame
 *   tag  = address of the page, in     write: the same, of pages that may be stored to
 *          two words, | epoch
 *
 * Worthless as soon as the address space's generation has moved (page/tlb_flush.ts): then the
 * epoch does too, which uses the bits that a page's address leaves free, and no tag fits any
 * more. It is a cache of this worker's own, kept outside the shared memory, and is never
 * believed without that check.
 */
import * as atomics from '#atomics';
import { IS_SHADOWED, scheduled } from '#shadow';
import { H_RESTORES } from '../arena/layout.ts';
import { views as shared } from '../arena/memory.ts';
import { keepWorkerState } from '../arena/worker_state.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { mmTlbGenAt } from '../mm/mm_struct.ts';
import { frameOf } from './page_struct.ts';
import { PTE_DIRTY, PTE_EXEC, PTE_PRESENT, PTE_USER, PTE_WRITE, PTE_YOUNG, ptePfn } from './pte.ts';
import { ptePtr } from './table_struct.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const SLOTS = 512;
/** As many as fit into the low word of a page's address; 0 is that of no tag. */
const EPOCHS = 4096;

const readHighs = new Int32Array(SLOTS);
const readLows = new Int32Array(SLOTS);
const readFrames = new Int32Array(SLOTS);
const writeHighs = new Int32Array(SLOTS);
const writeLows = new Int32Array(SLOTS);
const writeFrames = new Int32Array(SLOTS);

/** Whose translations these are; the memory, since a worker may hold several machines. */
const owner: {
  mm: number;
  generation: number;
  restores: number;
  words: Int32Array | null;
  epoch: number;
} = keepWorkerState({ mm: 0, generation: 0, restores: 0, words: null, epoch: 1 });

/** A scheduler sees every load and store of a program's memory: then nothing is remembered. */
const remembers = (): boolean => !IS_SHADOWED || scheduled() === null;

/** Whether the translations are still true, now that the data has been read. */
export const isTlbCurrent = (mm: Mm): boolean => atomics.load(mmTlbGenAt(mm)) === owner.generation;

/** Whether the tags of this epoch are this address space's, and were true a moment ago. */
function isOwner(mm: Mm): boolean {
  const { i32 } = views;
  return (
    atomics.readOnce(mmTlbGenAt(mm)) === owner.generation &&
    owner.mm === mm &&
    i32[H_RESTORES] === owner.restores &&
    owner.words === i32
  );
}

/** Forgets what is not this address space's, or no longer true. */
function changeOwner(mm: Mm): void {
  const { i32 } = views;
  owner.generation = atomics.readOnce(mmTlbGenAt(mm));
  owner.restores = i32[H_RESTORES] ?? 0;
  owner.mm = mm;
  owner.words = remembers() ? i32 : null;
  owner.epoch++;
  if (owner.epoch < EPOCHS) return;
  owner.epoch = 1;
  readLows.fill(0);
  writeLows.fill(0);
}

// Callers give the address as they have it: a page's address would be a new double at every call.
// It is split into two words at once, since every step on doubles takes several times as long.

const highOf = (addr: number): number => (addr / 2 ** 32) | 0;
/** The low word of the tag, now. */
const lowOf = (addr: number): number => (addr & -4096) | owner.epoch;
const slotOf = (addr: number): number => (addr >>> 12) & (SLOTS - 1);

/** @returns the first word of the frame that a load from `addr` finds, or NULL: not known. */
export function tlbRead(mm: Mm, addr: number): WordAt | Null {
  const slot = slotOf(addr);
  const isKnown = readLows[slot] === lowOf(addr) && readHighs[slot] === highOf(addr);
  return isKnown && isOwner(mm) ? (readFrames[slot] ?? NULL) : NULL;
}

/** @returns the same for a store. */
export function tlbWrite(mm: Mm, addr: number): WordAt | Null {
  const slot = slotOf(addr);
  const isKnown = writeLows[slot] === lowOf(addr) && writeHighs[slot] === highOf(addr);
  return isKnown && isOwner(mm) ? (writeFrames[slot] ?? NULL) : NULL;
}

// What the walk of a CPU does: it takes no lock, and marks what it uses. That the tables stay is
// the caller's care: an RCU section, or a VMA that is stable and contains the address.

/** Walks, and remembers. @returns as tlbRead(); NULL: it faults. */
export function tlbFillRead(mm: Mm, addr: number): WordAt | Null {
  // First, so that a flush after the walk is noticed.
  if (!isOwner(mm)) changeOwner(mm);
  const frame = walk(ptePtr(mm, addr), PTE_PRESENT | PTE_USER, PTE_YOUNG);
  if (frame !== NULL && remembers()) {
    const slot = slotOf(addr);
    readLows[slot] = lowOf(addr);
    readHighs[slot] = highOf(addr);
    readFrames[slot] = frame;
  }
  return frame;
}

/** The same for a store, which makes the entry dirty. */
export function tlbFillWrite(mm: Mm, addr: number): WordAt | Null {
  if (!isOwner(mm)) changeOwner(mm);
  const frame = walk(ptePtr(mm, addr), PTE_PRESENT | PTE_USER | PTE_WRITE, PTE_YOUNG | PTE_DIRTY);
  if (frame !== NULL && remembers()) {
    const slot = slotOf(addr);
    writeLows[slot] = lowOf(addr);
    writeHighs[slot] = highOf(addr);
    writeFrames[slot] = frame;
  }
  return frame;
}

/** The same for an instruction; they are not remembered. */
export const walkExec = (mm: Mm, addr: number): WordAt | Null =>
  walk(ptePtr(mm, addr), PTE_PRESENT | PTE_USER | PTE_EXEC, PTE_YOUNG);

function walk(at: WordAt | Null, needs: number, sets: number): WordAt | Null {
  if (at === NULL) return NULL;
  // Ends when the entry stands still: each round means that somebody changed it.
  for (;;) {
    const pte = atomics.load(at);
    if ((pte & needs) !== needs) return NULL;
    if ((pte & sets) === sets || atomics.cas(at, pte, pte | sets)) return frameOf(ptePfn(pte));
  }
}
