/**
 * The generations of the VMA lock before the default: which of them is meant. They are chosen here,
 * apart from vma_lock.ts, so that the default's path stays short enough to be compiled as one.
 */
import * as atomics from '#atomics';
import { NARROW_MARK, VMA_FREED_AT_ONCE } from '#mutants';
import type { Mm, MmWrite, Vma, VmaRcu, VmaWrite } from '../held.ts';
import { mmLockSeqAt } from '../mm_struct.ts';
import {
  hasNoVmaLock as isOff,
  isTypesafeVmaLock as isTypesafe,
  protocolLockSeqMask,
} from '../protocol.ts';
import { vmLockSeqAt } from '../vma_struct.ts';
import * as off from './off.ts';
import { isMarkedBySeq, type ReadLock, VMA_LOCKED } from './read_lock.ts';
import * as rwsem from './rwsem.ts';
import * as typesafe from './typesafe.ts';

export function startRead(mm: Mm, vma: VmaRcu): ReadLock {
  if (isOff()) return VMA_LOCKED;
  return isTypesafe() ? typesafe.startRead(mm, vma) : rwsem.startRead(vma);
}

export const startReadLocked = (vma: Vma): boolean => !isOff() && rwsem.startReadLocked(vma);

export function endRead(vma: Vma): void {
  if (!isOff()) rwsem.endRead(vma);
}

/** Where there is no VMA lock, who asks has mmap_lock for write, and needs no more. */
export function startWrite(mm: MmWrite, vma: Vma): void {
  if (!isOff()) rwsem.startWrite(mm, vma);
}

export const isMarked = (mm: Mm, vma: VmaRcu): boolean =>
  isOff() ? off.isMarked(mm) : NARROW_MARK ? isMarkedByPart(mm, vma) : isMarkedBySeq(mm, vma);

/** A planted bug: a mark is always the whole word. */
const isMarkedByPart = (mm: Mm, vma: VmaRcu): boolean =>
  ((atomics.readOnce(vmLockSeqAt(vma)) ^ atomics.readOnce(mmLockSeqAt(mm))) &
    protocolLockSeqMask()) ===
  0;

export function markAttached(vma: VmaWrite): void {
  if (!isOff()) rwsem.markAttached(vma);
}

export function markDetached(vma: VmaWrite): void {
  if (isTypesafe()) typesafe.markDetached(vma);
  else if (!isOff()) rwsem.markDetached(vma);
}

/** Where nobody keeps it, every VMA may pass for either. */
export const isDetached = (vma: VmaRcu): boolean => isOff() || rwsem.isDetached(vma);
export const isAttached = (vma: VmaRcu): boolean => isOff() || !rwsem.isDetached(vma);

export function init(vma: VmaRcu): void {
  if (isTypesafe()) typesafe.init(vma);
  else if (!isOff()) rwsem.init(vma);
}

export const waitsForReaders = (): boolean => !isTypesafe() && !VMA_FREED_AT_ONCE;
