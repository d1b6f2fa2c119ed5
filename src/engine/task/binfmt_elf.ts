/**
 * Loading an ELF program.
 *
 *   read    program headers, the loader's name, its headers      errors return to the program
 *   ------- the old address space goes: the point of no return --------------------------------
 *   place   layout, stack                                        errors kill
 *   map     program, loader, [vdso]
 *   write   argc, pointers, auxiliary vector
 *   mark    heap, start and end of code and data
 *
 * Source: fs/binfmt_elf.c, load_elf_binary(), v6.18.
 */
import { EINVAL, ELIBBAD, ENOEXEC, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { canMmapFile } from '../file/file_driver.ts';
import { fput } from '../file/file_struct.ts';
import type { Mm } from '../mm/held.ts';
import { setMmLayout } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { hasPersonality, MMAP_PAGE_ZERO } from '../mm/task_struct.ts';
import { vmaLookup } from '../mm/vma_iterator.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import { VM_SEALED, withFlags } from '../mm/vm_flags.ts';
import { type File, setVmFlags, vmFlags } from '../mm/vma_struct.ts';
import { mmapFileLocked } from '../syscall/mmap.ts';
import { MAP_FIXED, MAP_PRIVATE, PROT_EXEC, PROT_READ } from '../vma/map_flags.ts';
import { beginNewExec } from './begin_exec.ts';
import { type Bprm, openExec } from './bprm.ts';
import {
  ELF_HEADER_BYTES,
  elfRead,
  type ElfPhdr,
  ET_DYN,
  isLoadable,
  parseElfHeader,
  PF_X,
  PT_GNU_STACK,
  PT_INTERP,
  readElfPhdrs,
} from './elf.ts';
import { type ElfFile, type ElfMarks, loadInterp, loadProgram } from './elf_loader.ts';
import { isBadAddr, pageAlign, u64 } from './elf_map.ts';
import { createElfTables } from './elf_tables.ts';
import { type ExecutableStack, setupArgPages } from './exec_stack.ts';
import { DYN_BASE, isBrkRandomized, randomBrk, randomStackTop } from './exec_layout.ts';
import { setupNewExec } from './setup_exec.ts';
import { mapVdso } from './vdso.ts';

/** Bytes of a loader's name, with its NUL. */
const PATH_MAX = 4096n;
const PATH_MIN = 2n;

/** @returns ENOEXEC for what is none, ELIBBAD for a loader that is none, EIO, ENOMEM, its open's. */
export function loadElf(bprm: Bprm): 0 | Errno {
  const header = parseElfHeader(bprm.head);
  if (header === null || !isLoadable(header) || !canMmapFile(bprm.file)) return ENOEXEC;
  const phdrs = readElfPhdrs(bprm.file, header);
  if (phdrs === null) return ENOEXEC;
  const program = { file: bprm.file, header, phdrs };

  const name = phdrs.find(({ type }) => type === PT_INTERP);
  const loader = name === undefined ? NULL : openLoader(bprm, name);
  if (isErr(loader)) return loader;
  const result = loadWith(bprm, program, loader);
  if (loader !== NULL) fput(loader);
  return result;
}

/** @returns the loader's file; ENOEXEC for a name that is none; its open's errors. */
function openLoader(bprm: Bprm, { offset, filesz }: ElfPhdr): File | Errno {
  if (filesz > PATH_MAX || filesz < PATH_MIN) return ENOEXEC;
  const name = new Uint8Array(Number(filesz));
  const read = elfRead(bprm.file, name, offset);
  if (isErr(read)) return read;
  if (name.at(-1) !== 0) return ENOEXEC;
  return openExec(bprm, name.subarray(0, name.indexOf(0)));
}

function loadWith(bprm: Bprm, program: ElfFile, loaderFile: File | typeof NULL): 0 | Errno {
  const loader = loaderFile === NULL ? null : readLoader(loaderFile);
  if (typeof loader === 'number') return loader;

  bprm.isCommitted = true; // Whatever fails below kills the task.
  const begun = beginNewExec(bprm.mm);
  if (isErr(begun)) return begun;
  const placed = place(bprm, executableStackOf(program));
  if (isErr(placed)) return placed;
  const mapped = loadProgram(program, { mm: bprm.mm, hasLoader: loader !== null });
  if (typeof mapped === 'number') return mapped;
  const marks = mapped;
  const base = loader === null ? 0n : loadInterp(loader, bprm.mm, marks.bias);
  if (typeof base === 'number') return base;
  const entry = loader === null ? marks.entry : u64(base + loader.header.entry);
  if (isBadAddr(entry)) return EINVAL;
  bprm.entry = Number(entry);

  const finished = finish(bprm, { phnum: program.header.phnum, base, marks });
  if (isErr(finished)) return finished;
  setMarks(bprm, marks);
  setBrk(bprm.mm, { brk: marks.brk, moves: program.header.type === ET_DYN && loader === null });
  mapPageZero(bprm.mm);
  return OK;
}

/** @returns EIO for a file too short for a header; ELIBBAD. */
function readLoader(file: File): ElfFile | Errno {
  const head = new Uint8Array(ELF_HEADER_BYTES);
  const read = elfRead(file, head, 0n);
  if (isErr(read)) return read;
  const header = parseElfHeader(head);
  const phdrs = header === null ? null : readElfPhdrs(file, header);
  return header === null || phdrs === null ? ELIBBAD : { file, header, phdrs };
}

/** The last one counts. */
function executableStackOf({ phdrs }: ElfFile): ExecutableStack {
  const wish = phdrs.findLast(({ type }) => type === PT_GNU_STACK);
  if (wish === undefined) return 'default';
  return (wish.flags & PF_X) === 0 ? 'disable' : 'enable';
}

/** What comes before anything is mapped. */
function place(bprm: Bprm, executable: ExecutableStack): 0 | Errno {
  const mm = mmapWriteLock(bprm.mm);
  setupNewExec(mm, bprm);
  const result = setupArgPages(mm, bprm, { top: randomStackTop(), executable });
  mmapWriteUnlock(mm);
  return result;
}

/** What comes after everything else is mapped. */
function finish(
  bprm: Bprm,
  { phnum, base, marks }: { phnum: number; base: bigint; marks: ElfMarks },
): 0 | Errno {
  const mm = mmapWriteLock(bprm.mm);
  const vdso = mapVdso(mm);
  mmapWriteUnlock(mm);
  if (isErr(vdso)) return vdso;
  return createElfTables(bprm, { phdr: marks.phdr, phnum, base, entry: marks.entry, vdso });
}

function setMarks(bprm: Bprm, marks: ElfMarks): void {
  const mm = mmapWriteLock(bprm.mm);
  setMmLayout(mm, {
    startCode: Number(marks.startCode),
    endCode: Number(marks.endCode),
    startData: Number(marks.startData),
    endData: Number(marks.endData),
    startStack: bprm.p,
  });
  mmapWriteUnlock(mm);
}

/**
 * The heap begins behind the program; but a program that lies among the mappings, with nothing
 * above it to grow into, has its heap where programs with a loader would be.
 */
function setBrk(mm: Mm, { brk, moves }: { brk: bigint; moves: boolean }): void {
  let start = Number(pageAlign(moves ? BigInt(DYN_BASE) : brk));
  // A page stays free between the program's data and a heap that is near it.
  if (isBrkRandomized()) start = randomBrk(moves ? start : start + PAGE_SIZE);
  const locked = mmapWriteLock(mm);
  setMmLayout(locked, { startBrk: start, brk: start });
  mmapWriteUnlock(locked);
}

/** For programs of System V, which read through null pointers. Nobody minds when it fails. */
function mapPageZero(mm: Mm): void {
  if (!hasPersonality(MMAP_PAGE_ZERO)) return;
  const locked = mmapWriteLock(mm);
  const result = mmapFileLocked(locked, NULL, {
    start: 0,
    size: PAGE_SIZE,
    prot: PROT_READ | PROT_EXEC,
    flags: MAP_FIXED | MAP_PRIVATE,
    pgoff: 0,
  });
  // It stays as it is: no program may make it its own.
  const vma = isErr(result) ? NULL : vmaLookup(locked, 0);
  if (vma !== NULL) setVmFlags(vmaStartWrite(locked, vma), withFlags(vmFlags(vma), VM_SEALED));
  mmapWriteUnlock(locked);
}
