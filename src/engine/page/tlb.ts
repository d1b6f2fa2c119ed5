/**
 * A software TLB: the translations this worker used last, for one address space at a time.
 *
 *   slot = page number modulo 512      read:  tag -> word of the frame
 *   tag  = page address + epoch        write: the same, of pages that may be stored to
 *
 * Worthless as soon as the address space's generation has moved (page/tlb_flush.ts): then the
 * epoch does too, which uses the bits that a page's address leaves free, and no tag fits any
 * more. It is a cache of this worker's own, kept outside the shared memory, and is never
 * believed without that check.
 */
import * as atomics from '#atomics';
import { H_RESTORES } from '../arena/layout.ts';
import { views as shared } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { mmTlbGenAt } from '../mm/mm_struct.ts';
import { frameOf } from './page_struct.ts';
import { PTE_DIRTY, PTE_EXEC, PTE_PRESENT, PTE_USER, PTE_WRITE, PTE_YOUNG, ptePfn } from './pte.ts';
import { ptePtr } from './table_struct.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const SLOTS = 512;
/** Equals no tag. */
const NO_PAGE = NaN;
/** As many as fit below the address of a page. */
const EPOCHS = 4096;

const readTags = new Float64Array(SLOTS).fill(NO_PAGE);
const readFrames = new Int32Array(SLOTS);
const writeTags = new Float64Array(SLOTS).fill(NO_PAGE);
const writeFrames = new Int32Array(SLOTS);

/** Whose translations these are; the memory, since a worker may hold several machines. */
const owner: {
  mm: number;
  generation: number;
  restores: number;
  words: Int32Array | null;
  epoch: number;
} = { mm: 0, generation: 0, restores: 0, words: null, epoch: 0 };

/** Whether the translations are still true, now that the data has been read. */
export const isTlbCurrent = (mm: Mm): boolean => atomics.load(mmTlbGenAt(mm)) === owner.generation;

/** Whether the tags of this epoch are this address space's, and were true a moment ago. */
function isOwner(mm: Mm): boolean {
  const { i32 } = views;
  return (
    i32[mmTlbGenAt(mm)] === owner.generation &&
    owner.mm === mm &&
    i32[H_RESTORES] === owner.restores &&
    owner.words === i32
  );
}

/** Forgets what is not this address space's, or no longer true. */
function changeOwner(mm: Mm): void {
  const { i32 } = views;
  owner.generation = i32[mmTlbGenAt(mm)] ?? 0;
  owner.restores = i32[H_RESTORES] ?? 0;
  owner.mm = mm;
  owner.words = i32;
  owner.epoch++;
  if (owner.epoch < EPOCHS) return;
  owner.epoch = 0;
  readTags.fill(NO_PAGE);
  writeTags.fill(NO_PAGE);
}

// Callers give the address as they have it: a page's address would be a new double at every call.

const slotOf = (addr: number): number => (addr / 4096) & (SLOTS - 1);
const tagOf = (addr: number): number => addr - (addr & 4095) + owner.epoch;

/** @returns the first word of the frame that a load from `addr` finds, or NULL: not known. */
export function tlbRead(mm: Mm, addr: number): WordAt | Null {
  const slot = slotOf(addr);
  return isOwner(mm) && readTags[slot] === tagOf(addr) ? (readFrames[slot] ?? NULL) : NULL;
}

/** @returns the same for a store. */
export function tlbWrite(mm: Mm, addr: number): WordAt | Null {
  const slot = slotOf(addr);
  return isOwner(mm) && writeTags[slot] === tagOf(addr) ? (writeFrames[slot] ?? NULL) : NULL;
}

// What the walk of a CPU does: it takes no lock, and marks what it uses. That the tables stay is
// the caller's care: an RCU section, or a VMA that is stable and contains the address.

/** Walks, and remembers. @returns as tlbRead(); NULL: it faults. */
export function tlbFillRead(mm: Mm, addr: number): WordAt | Null {
  // First, so that a flush after the walk is noticed.
  if (!isOwner(mm)) changeOwner(mm);
  const frame = walk(ptePtr(mm, addr), PTE_PRESENT | PTE_USER, PTE_YOUNG);
  if (frame !== NULL) {
    readTags[slotOf(addr)] = tagOf(addr);
    readFrames[slotOf(addr)] = frame;
  }
  return frame;
}

/** The same for a store, which makes the entry dirty. */
export function tlbFillWrite(mm: Mm, addr: number): WordAt | Null {
  if (!isOwner(mm)) changeOwner(mm);
  const frame = walk(ptePtr(mm, addr), PTE_PRESENT | PTE_USER | PTE_WRITE, PTE_YOUNG | PTE_DIRTY);
  if (frame !== NULL) {
    writeTags[slotOf(addr)] = tagOf(addr);
    writeFrames[slotOf(addr)] = frame;
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
