/**
 * What the kernel maps for every program by itself: one place for all three, as mmap() would
 * choose it.
 *
 *   [vvar] 4 pages | [vvar_vclock] 2 | [vdso] 2
 *
 * Source: arch/x86/entry/vdso/vma.c, map_vdso(), v6.18.
 */
import { type Errno, isErr } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import type { MmWrite } from '../mm/held.ts';
import {
  flagsOf,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
} from '../mm/vm_flags.ts';
import { getUnmappedArea } from '../vma/unmapped_area.ts';
import { insertInitialVma } from './exec.ts';

const DATA = flagsOf(VM_READ, VM_MAYREAD, VM_IO, VM_DONTDUMP, VM_PFNMAP, VM_DONTEXPAND);
const TEXT = flagsOf(VM_READ, VM_EXEC, VM_MAYREAD, VM_MAYWRITE, VM_MAYEXEC, VM_DONTEXPAND);

const PARTS = [
  { special: '[vvar]', pages: 4, flags: DATA },
  { special: '[vvar_vclock]', pages: 2, flags: DATA },
  { special: '[vdso]', pages: 2, flags: TEXT },
] as const;

const PAGES = PARTS.reduce((sum, { pages }) => sum + pages, 0);

/** @returns where [vdso] begins; ENOMEM, perhaps with a part of it mapped. */
export function mapVdso(mm: MmWrite): number | Errno {
  const len = PAGES * PAGE_SIZE;
  let at: number | Errno = getUnmappedArea({ mm, addr: 0, len, pgoff: 0, flags: 0, file: NULL });
  let last = at;
  for (const { special, pages, flags } of PARTS) {
    if (isErr(at)) return at;
    const end: number = at + pages * PAGE_SIZE;
    const result = insertInitialVma(mm, { start: at, end, flags, pgoff: 0, special });
    if (isErr(result)) return result;
    last = at;
    at = end;
  }
  return last;
}
