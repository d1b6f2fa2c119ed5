/**
 * A software TLB: the translations this worker used last, for one address space at a time.
 *
 *   slot = page number modulo 512      read:  page address -> word of the frame
 *                                      write: the same, of pages that may be stored to
 *
 * Worthless as soon as the address space's generation has moved (page/tlb_flush.ts). It is a
 * cache of this worker's own, kept outside the shared memory, and is never believed without
 * that check.
 */
import * as atomics from '#atomics';
import { H_RESTORES } from '../arena/layout.ts';
import { views as shared, word } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { mmTlbGenAt } from '../mm/mm_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { frameOf } from './page_struct.ts';
import { PTE_DIRTY, PTE_EXEC, PTE_PRESENT, PTE_USER, PTE_WRITE, PTE_YOUNG, ptePfn } from './pte.ts';
import { ptePtr } from './table_struct.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const SLOTS = 512;
const NO_PAGE = -1;

const readPages = new Float64Array(SLOTS).fill(NO_PAGE);
const readFrames = new Int32Array(SLOTS);
const writePages = new Float64Array(SLOTS).fill(NO_PAGE);
const writeFrames = new Int32Array(SLOTS);

/** Whose translations these are; the memory, since a worker may hold several machines. */
const owner: { mm: number; generation: number; restores: number; words: Int32Array | null } = {
  mm: 0,
  generation: 0,
  restores: 0,
  words: null,
};

/** Whether the translations are still true, now that the data has been read. */
export const isTlbCurrent = (mm: Mm): boolean => atomics.load(mmTlbGenAt(mm)) === owner.generation;

/** Forgets what is not this address space's, or no longer true. */
export function useTlb(mm: Mm): void {
  const generation = word(mmTlbGenAt(mm));
  const restores = word(H_RESTORES);
  if (
    owner.mm === mm &&
    owner.generation === generation &&
    owner.restores === restores &&
    owner.words === views.i32
  ) {
    return;
  }
  readPages.fill(NO_PAGE);
  writePages.fill(NO_PAGE);
  owner.mm = mm;
  owner.generation = generation;
  owner.restores = restores;
  owner.words = views.i32;
}

/** @returns the first word of the frame that a load from `page` finds, or NULL: it faults. */
export function translateRead(mm: Mm, page: number): WordAt | Null {
  const slot = (page / 4096) & (SLOTS - 1);
  if (readPages[slot] === page) return readFrames[slot] ?? NULL;
  const frame = walk(mm, page, { needs: PTE_USER, sets: PTE_YOUNG });
  if (frame !== NULL) {
    readPages[slot] = page;
    readFrames[slot] = frame;
  }
  return frame;
}

/** @returns the same for a store, which makes the entry dirty. */
export function translateWrite(mm: Mm, page: number): WordAt | Null {
  const slot = (page / 4096) & (SLOTS - 1);
  if (writePages[slot] === page) return writeFrames[slot] ?? NULL;
  const frame = walk(mm, page, { needs: PTE_USER | PTE_WRITE, sets: PTE_YOUNG | PTE_DIRTY });
  if (frame !== NULL) {
    writePages[slot] = page;
    writeFrames[slot] = frame;
  }
  return frame;
}

/** Whether an instruction could be fetched; instructions are not cached. */
export const translateExec = (mm: Mm, page: number): boolean =>
  walk(mm, page, { needs: PTE_USER | PTE_EXEC, sets: PTE_YOUNG }) !== NULL;

/** What the walk of a CPU does: it holds no lock, and marks what it uses. */
function walk(mm: Mm, page: number, { needs, sets }: { needs: number; sets: number }): number {
  rcuReadLock();
  const frame = walkTables(mm, page, needs | PTE_PRESENT, sets);
  rcuReadUnlock();
  return frame;
}

// Four parameters: this is the hardware, once for each miss.
function walkTables(mm: Mm, page: number, needs: number, sets: number): number {
  const at = ptePtr(mm, page);
  if (at === NULL) return NULL;
  // Ends when the entry stands still: each round means that somebody changed it.
  for (;;) {
    const pte = atomics.load(at);
    if ((pte & needs) !== needs) return NULL;
    if ((pte & sets) === sets || atomics.cas(at, pte, pte | sets)) return frameOf(ptePfn(pte));
  }
}
