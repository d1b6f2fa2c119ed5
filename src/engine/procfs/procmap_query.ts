/**
 * PROCMAP_QUERY, the ioctl of /proc/PID/maps: one VMA, found by address.
 *
 *   addr in a VMA that matches        that VMA
 *   COVERING_OR_NEXT_VMA              else the first after it that matches
 *
 * Source: include/uapi/linux/fs.h, fs/proc/task_mmu.c, do_procmap_query(), v6.18.
 */
import { E2BIG, EINVAL, ENAMETOOLONG, ENOENT, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE, type Ulong } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeDevMajor, inodeDevMinor, inodeNumber } from '../file/inode.ts';
import type { Mm, Vma } from '../mm/held.ts';
import { hasFlag, VM_EXEC, VM_MAYSHARE, VM_READ, VM_WRITE } from '../mm/vm_flags.ts';
import { vmEnd, vmFile, vmFlags, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { vmaName } from './vma_name.ts';
import { walkVmas } from './vma_walk.ts';

export const PROCMAP_QUERY_VMA_READABLE = 0x01;
export const PROCMAP_QUERY_VMA_WRITABLE = 0x02;
export const PROCMAP_QUERY_VMA_EXECUTABLE = 0x04;
export const PROCMAP_QUERY_VMA_SHARED = 0x08;
export const PROCMAP_QUERY_COVERING_OR_NEXT_VMA = 0x10;
export const PROCMAP_QUERY_FILE_BACKED_VMA = 0x20;

const RIGHTS = 0x0f;
const KNOWN_FLAGS = 0x3f;

export interface ProcmapQuery {
  /** query_addr. */
  readonly addr: Ulong;
  /** query_flags: PROCMAP_QUERY_*. */
  readonly flags: Ulong;
  /** vma_name_size: room for the name, its NUL included; 0: it is not asked for. */
  readonly nameSize: Ulong;
  /** Bytes of the struct that the caller knows. */
  readonly size: Ulong;
}

/** What the call fills in. */
export interface ProcmapAnswer {
  /** vma_start and vma_end: bytes, the end exclusive. */
  readonly start: number;
  readonly end: number;
  /** vma_flags: PROCMAP_QUERY_VMA_READABLE and the three after it. */
  readonly flags: number;
  readonly pageSize: number;
  /** vma_offset: bytes; 0 of memory without a file, like the three after it. */
  readonly offset: number;
  readonly ino: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** As maps shows it, newlines as they are; empty for none, or when it was not asked for. */
  readonly name: string;
}

/** All of the struct that Linux 6.18 knows, and the least that makes a query: up to query_addr. */
export const PROCMAP_QUERY_SIZE = 104;
const LEAST_SIZE = 24;

/** PATH_MAX: more room than that is not used. */
const NAME_MAX = 4096;

/**
 * @returns EINVAL for an unknown flag or a struct that is too short, E2BIG for one of more than a
 *   page; ENOENT for no VMA that matches; ENAMETOOLONG for a name without room.
 */
export function procmapQuery(mm: Mm, query: ProcmapQuery): ProcmapAnswer | Errno {
  const refused = refuse(query);
  if (isErr(refused)) return refused;
  if (query.addr < 0) return ENOENT; // beyond all address spaces
  let answer: ProcmapAnswer | Errno = ENOENT;
  walkVmas(mm, query.addr, (vma) => {
    const isFound = matches(vma, query);
    if (isFound) answer = answerOf(mm, vma, query);
    return !isFound && (query.flags & PROCMAP_QUERY_COVERING_OR_NEXT_VMA) !== 0;
  });
  return answer;
}

function refuse({ flags, size }: ProcmapQuery): 0 | Errno {
  if (size < 0 || size > PAGE_SIZE) return E2BIG;
  if (size < LEAST_SIZE) return EINVAL;
  return flags < 0 || flags > KNOWN_FLAGS ? EINVAL : OK;
}

function matches(vma: Vma, { addr, flags }: ProcmapQuery): boolean {
  const asked = flags & RIGHTS;
  if ((rightsOf(vma) & asked) !== asked) return false;
  if ((flags & PROCMAP_QUERY_FILE_BACKED_VMA) !== 0 && vmFile(vma) === NULL) return false;
  return vmStart(vma) <= addr || (flags & PROCMAP_QUERY_COVERING_OR_NEXT_VMA) !== 0;
}

function rightsOf(vma: Vma): number {
  const flags = vmFlags(vma);
  return (
    (hasFlag(flags, VM_READ) ? PROCMAP_QUERY_VMA_READABLE : 0) |
    (hasFlag(flags, VM_WRITE) ? PROCMAP_QUERY_VMA_WRITABLE : 0) |
    (hasFlag(flags, VM_EXEC) ? PROCMAP_QUERY_VMA_EXECUTABLE : 0) |
    (hasFlag(flags, VM_MAYSHARE) ? PROCMAP_QUERY_VMA_SHARED : 0)
  );
}

function answerOf(mm: Mm, vma: Vma, { nameSize }: ProcmapQuery): ProcmapAnswer | Errno {
  const name = nameSize === 0 ? new Uint8Array(0) : vmaName(mm, vma);
  const room = nameSize < 0 ? NAME_MAX : Math.min(nameSize, NAME_MAX);
  if (name.length > 0 && name.length + 1 > room) return ENAMETOOLONG;
  const file = vmFile(vma);
  const inode = file === NULL ? null : fileInode(file);
  return {
    start: vmStart(vma),
    end: vmEnd(vma),
    flags: rightsOf(vma),
    pageSize: PAGE_SIZE,
    offset: inode === null ? 0 : vmPgoff(vma) * PAGE_SIZE,
    ino: inode === null ? 0 : inodeNumber(inode),
    devMajor: inode === null ? 0 : inodeDevMajor(inode),
    devMinor: inode === null ? 0 : inodeDevMinor(inode),
    name: new TextDecoder().decode(name),
  };
}
