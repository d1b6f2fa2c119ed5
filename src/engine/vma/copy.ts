/**
 * The destination of a move: a VMA like the source over [start, end).
 *
 * Source: mm/vma.c, copy_vma(), vma_merge_extend(), v6.18.
 */
import { ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { getFile } from '../file/file_struct.ts';
import { vmaOpen } from '../file/vma_calls.ts';
import type { MmWrite, Vma, VmaWrite } from '../mm/held.ts';
import { vmAreaDup, vmAreaFree } from '../mm/vma_alloc.ts';
import {
  setVmAnonVma,
  setVmFile,
  setVmPgoff,
  setVmRange,
  vmaIsAnonymous,
  vmAnonVma,
  vmEnd,
  vmFile,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { anonVmaClone } from '../rmap/anon_vma.ts';
import { insertVma } from './link.ts';
import { vmaMergeNewRange } from './merge.ts';
import { type ByteRange, type Place, vmgForCopy } from './vma_merge.ts';

/** What a copy needs to know. */
export interface CopyRequest {
  readonly source: VmaWrite;
  readonly range: ByteRange;
  /** Pages; of the first page that moves. Memory never written takes the place's own. */
  readonly pgoff: number;
}

export interface Copy {
  readonly vma: Vma;
  /** The source; not what it was if the copy merged with it. */
  readonly source: Vma;
}

/** @returns the copy, merged with its neighbours or new; ENOMEM with nothing changed. */
export function copyVma(mm: MmWrite, { source, range, pgoff }: CopyRequest): Copy | Errno {
  const isUnfaulted = vmaIsAnonymous(source) && vmAnonVma(source) === NULL;
  const at = isUnfaulted ? range.start / 4096 : pgoff;
  const sourceStart = vmStart(source);

  const place = { start: range.start, end: range.end, pgoff: at };
  const vmg = vmgForCopy(mm, source, place);
  vmg.copiedFrom = source;
  const merged = vmaMergeNewRange(vmg);
  if (merged !== NULL) {
    // The copy may have landed beside its source and swallowed it.
    const holdsSource = sourceStart >= vmStart(merged) && sourceStart < vmEnd(merged);
    return { vma: merged, source: holdsSource ? merged : source };
  }
  if (vmg.state === 'nomem') return ENOMEM;
  return duplicate(mm, source, place);
}

function duplicate(mm: MmWrite, source: VmaWrite, place: Place): Copy | Errno {
  const vma = vmAreaDup(source);
  if (vma === NULL) return ENOMEM;
  setVmRange(vma, place.start, place.end);
  setVmPgoff(vma, place.pgoff);
  if (anonVmaClone(vma, source) !== OK) {
    setVmAnonVma(vma, NULL);
    vmAreaFree(vma);
    return ENOMEM;
  }
  const file = vmFile(vma);
  setVmFile(vma, file === NULL ? NULL : getFile(file));
  if (isErr(insertVma(mm, vma))) return ENOMEM;
  vmaOpen(vma);
  return { vma, source };
}

/**
 * Lengthens a VMA upwards over a free range, and merges with what comes after.
 *
 * @returns the VMA, or NULL when it cannot grow; then nothing has changed.
 */
export function vmaMergeExtend(mm: MmWrite, vma: Vma, delta: number): Vma | Null {
  const end = vmEnd(vma);
  const pgoff = vmPgoff(vma) + (end - vmStart(vma)) / 4096;
  return vmaMergeNewRange(vmgForCopy(mm, vma, { start: end, end: end + delta, pgoff }));
}
