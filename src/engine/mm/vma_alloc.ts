/**
 * Making and freeing VMAs. A VMA starts detached, and is freed only detached: the
 * one place where its memory goes back is here.
 *
 * Source: mm/vma_init.c, v6.18.
 */
import * as atomics from '#atomics';
import { COPIED_ATTACHED } from '#mutants';
import { assert } from '../arena/assert.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { cacheAlloc, cacheFree, cacheFreeRcu } from '../slab/cache.ts';
import { textGet, textPut } from '../slab/text.ts';
import { LIMIT_ARENA, noteLimit } from '../trace/verdict.ts';
import { countEvent, VMA_FREE_DIRECT, VMA_FREE_RCU } from '../trace/counters.ts';
import { trace, VM_AREA_FREE } from '../trace/events.ts';
import type { Mm, Vma, VmaHidden } from './held.ts';
import { protocolLinksInRange } from './protocol.ts';
import { isVmaDetached, vmaLockInit, vmaWaitsForReaders } from './vma_lock.ts';
import {
  setVmAnonName,
  setVmAnonVma,
  setVmAnonVmaChain,
  setVmCaching,
  setVmFile,
  setVmFlags,
  setVmMm,
  setVmOps,
  setVmPgoff,
  setVmPolicy,
  setVmPrivateData,
  setVmRange,
  setVmUserfaultfdCtx,
  VMA_CACHE,
  VMA_CACHE_LINKED_IN_RANGE,
  vmAnonName,
  vmAnonVma,
  vmAttachedAt,
  vmCaching,
  vmEnd,
  vmFile,
  vmFlags,
  vmMm,
  vmOps,
  vmPgoff,
  vmPolicy,
  vmPrivateData,
  vmStart,
  vmUserfaultfdCtx,
} from './vma_struct.ts';
import { VM_NONE } from './vm_flags.ts';

/** @returns a detached, empty, anonymous VMA of `mm`, or NULL. */
export function vmAreaAlloc(mm: Mm): VmaHidden | Null {
  const vma = allocDetached();
  if (vma === NULL) return NULL;
  setVmMm(vma, mm);
  setVmRange(vma, 0, 0);
  setVmPgoff(vma, 0);
  setVmFlags(vma, VM_NONE);
  setVmFile(vma, NULL);
  setVmAnonVma(vma, NULL);
  setVmAnonVmaChain(vma, NULL);
  setVmOps(vma, 0);
  setVmPolicy(vma, 0);
  setVmAnonName(vma, NULL);
  setVmUserfaultfdCtx(vma, 0);
  setVmPrivateData(vma, 0);
  setVmCaching(vma, 0);
  return vma;
}

/**
 * Copies field by field and never the lock: a copied count would let a reader that
 * holds a stale pointer take the copy before it is ready.
 *
 * The copy names the same anon_vma but is on no chain yet; it owns a reference to
 * its name, and none to its file.
 */
export function vmAreaDup(orig: Vma): VmaHidden | Null {
  const vma = allocDetached();
  if (vma === NULL) return NULL;
  if (COPIED_ATTACHED) atomics.store(vmAttachedAt(vma), atomics.load(vmAttachedAt(orig)));
  setVmMm(vma, vmMm(orig));
  setVmRange(vma, vmStart(orig), vmEnd(orig));
  setVmPgoff(vma, vmPgoff(orig));
  setVmFlags(vma, vmFlags(orig));
  setVmFile(vma, vmFile(orig));
  setVmAnonVma(vma, vmAnonVma(orig));
  setVmAnonVmaChain(vma, NULL);
  setVmOps(vma, vmOps(orig));
  setVmPolicy(vma, vmPolicy(orig));
  setVmUserfaultfdCtx(vma, vmUserfaultfdCtx(orig));
  setVmPrivateData(vma, vmPrivateData(orig));
  setVmCaching(vma, vmCaching(orig));
  const name = vmAnonName(orig);
  setVmAnonName(vma, name === NULL ? NULL : textGet(name));
  if (COPIED_ATTACHED) atomics.store(vmAttachedAt(vma), 0);
  return vma;
}

/** Frees a detached VMA: at once, or where its lock asks for it, when RCU readers are gone. */
export function vmAreaFree(vma: Vma): void {
  dropVma(vma);
  if (vmaWaitsForReaders()) {
    countEvent(VMA_FREE_RCU);
    cacheFreeRcu(VMA_CACHE, vma);
    return;
  }
  countEvent(VMA_FREE_DIRECT);
  cacheFree(vmaCache(), vma);
}

/**
 * Frees a detached VMA of an mm without users at once: nobody looks for VMAs in it any more, and
 * who found one before finds it detached, or another's.
 */
export function vmAreaFreeUnreachable(vma: Vma): void {
  dropVma(vma);
  countEvent(VMA_FREE_DIRECT);
  cacheFree(vmaCache(), vma);
}

/** A VMA that waits for readers keeps its range for them, so its link is never there. */
const vmaCache = (): typeof VMA_CACHE =>
  protocolLinksInRange() && !vmaWaitsForReaders() ? VMA_CACHE_LINKED_IN_RANGE : VMA_CACHE;

function dropVma(vma: Vma): void {
  assert(isVmaDetached(vma), 'a VMA is freed without readers');
  trace(VM_AREA_FREE, vmMm(vma), vma);
  const name = vmAnonName(vma);
  if (name !== NULL) textPut(name);
}

function allocDetached(): VmaHidden | Null {
  const vma = cacheAlloc(vmaCache());
  if (vma === NULL) {
    noteLimit(LIMIT_ARENA, 1, 0);
    return NULL;
  }
  vmaLockInit(vma);
  return vma as VmaHidden;
}
