/**
 * What the compiler refuses: each line below would break a lock rule. `tsc` reads this file with
 * all others; an error that is not expected, or an expected one that is missing, fails it. Nothing
 * here is ever run.
 */
import type { Ref } from '../../src/engine/arena/ref.ts';
import type {
  Mm,
  MmRead,
  MmWrite,
  Vma,
  VmaHidden,
  VmaRcu,
  VmaWrite,
} from '../../src/engine/mm/held.ts';
import { setMmMapCount, setMmTotalVm } from '../../src/engine/mm/mm_struct.ts';
import {
  mmapAssertLocked,
  mmapAssertWriteLocked,
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { vmaIterator, vmaLookup } from '../../src/engine/mm/vma_iterator.ts';
import { vmaMarkDetached, vmaStartRead, vmaStartWrite } from '../../src/engine/mm/vma_lock.ts';
import { VM_NONE, type VmFlags } from '../../src/engine/mm/vm_flags.ts';
import {
  setVmFlags,
  setVmMm,
  setVmPgoff,
  setVmRange,
  vmEnd,
  vmFlags,
  vmMm,
  vmRefcntAt,
} from '../../src/engine/mm/vma_struct.ts';
import { doMunmap } from '../../src/engine/vma/munmap.ts';
import { vmaComplete, type VmaPrepare, vmaPrepare } from '../../src/engine/vma/prepare.ts';

declare const mm: Mm;
declare const reader: MmRead;
declare const writer: MmWrite;
declare const rcuVma: VmaRcu;
declare const stable: Vma;
declare const writable: VmaWrite;
declare const hidden: VmaHidden;
declare const vp: VmaPrepare;

export function refused(): void {
  // @ts-expect-error: mm is not locked
  vmaLookup(mm, 4096);
  // @ts-expect-error: nor may it be walked
  vmaIterator(mm, 0);
  // @ts-expect-error: an RCU pointer is not stable: its range may be anybody's
  vmEnd(rcuVma);
  // @ts-expect-error: nor are its flags
  vmFlags(rcuVma);
  // @ts-expect-error P2-4 P2-17: read-locked is not write-locked
  setVmFlags(stable, VM_NONE);
  // @ts-expect-error: still visible to the reverse map
  setVmRange(writable, 0, 4096);
  // @ts-expect-error: the offset is the reverse map's key too
  setVmPgoff(writable, 1);
  // @ts-expect-error: a VMA that others can reach never changes its mm
  setVmMm(writable, mm);
  // @ts-expect-error: a VMA write lock needs mmap_lock for write
  vmaStartWrite(reader, stable);
  // @ts-expect-error: and not none at all
  vmaStartWrite(mm, stable);
  // @ts-expect-error: nor any longer after a downgrade
  vmaStartWrite(mmapWriteDowngrade(writer), stable);
  // @ts-expect-error: what is not write-locked is not hidden
  vmaPrepare({ ...vp, vma: stable });
  // @ts-expect-error: and what is write-locked only once it has been prepared
  setVmRange(vp.vma, 0, 4096);
  // @ts-expect-error: only what was prepared is completed
  vmaComplete(vp);
  // @ts-expect-error: only what is write-locked is detached
  vmaMarkDetached(writer, stable);
  // @ts-expect-error: the totals are the writer's
  setMmTotalVm(reader, 1);
  // @ts-expect-error: and so is the count
  setMmMapCount(mm, 1);
  // @ts-expect-error: unmapping needs mmap_lock for write
  doMunmap(reader, { start: 0, end: 4096 }, 'keep');
  // @ts-expect-error: an mm is not a VMA
  vmEnd(writer);
  // @ts-expect-error: and a VMA is not an mm
  mmapWriteLock(stable);
  // @ts-expect-error: a number is not a handle
  vmaLookup(64, 0);
  // @ts-expect-error: a handle of one kind is not one of another
  mmapReadLock(0 as number as Ref<'file'>);
  // @ts-expect-error: a number is not a set of flags
  setVmFlags(writable, 3);
  // @ts-expect-error: a reader does not release a write lock
  mmapWriteUnlock(reader);
  // @ts-expect-error: what was read-locked may have been refused: look first
  vmEnd(vmaStartRead(mm, rcuVma));
}

export function unlocked(): void {
  let held: Mm = mm;
  mmapAssertWriteLocked(held);
  vmaStartWrite(held, stable); // the assert is the proof
  held = mmapWriteUnlock(held);
  // @ts-expect-error: the lock was given back
  vmaStartWrite(held, stable);

  let read: Mm = mm;
  mmapAssertLocked(read);
  vmaLookup(read, 0);
  read = mmapReadUnlock(read);
  // @ts-expect-error: the lock was given back
  vmaLookup(read, 0);
}

/** And what must compile: a stronger handle stands for a weaker one. */
export function allowed(): VmFlags {
  vmaLookup(writer, 0);
  vmRefcntAt(rcuVma);
  vmMm(rcuVma);
  setVmFlags(hidden, VM_NONE);
  const prepared = vmaPrepare({ ...vp, vma: vmaStartWrite(writer, stable) });
  setVmRange(prepared.vma, 0, 4096);
  vmaComplete(prepared);
  const locked = vmaStartRead(mm, rcuVma);
  return locked < 0 ? VM_NONE : vmFlags(hidden);
}
