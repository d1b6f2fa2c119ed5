/** Makes a decoded call in the engine. */
import {
  EINVAL,
  isErr,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PR_GET_MDWE,
  PR_SET_MDWE,
  PR_SET_MEMORY_MERGE,
  PR_SET_VMA,
  PR_SET_VMA_ANON_NAME,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import { parseStruct } from '../strace/value.ts';
import type {
  MapCall,
  MemoryCall,
  PolicyCall,
  PrctlCall,
  RangeCall,
} from '../strace/memory_call.ts';
import { parseInteger } from '../strace/integer.ts';
import type { Word } from '../strace/record.ts';

/** What the engine does not claim to do; such a call is skipped, and the report names it. */
export const UNMODELLED = Symbol('unmodelled');

/** A result or a negative errno, as the engine gives it. */
export type Answer = number | typeof UNMODELLED;

const MEMORY_OPTIONS = new Set([PR_SET_VMA, PR_SET_MDWE, PR_GET_MDWE, PR_SET_MEMORY_MERGE]);

/** Calls that make, change, or ask for what is mapped. */
export type SpaceCall = RangeCall | MapCall | PolicyCall | ShmatCall | PrctlCall;
type ShmatCall = Extract<MemoryCall, { name: 'shmat' | 'shmdt' }>;

const SPACE_CALLS: ReadonlySet<string> = new Set<SpaceCall['name']>([
  'mmap',
  'munmap',
  'mprotect',
  'pkey_mprotect',
  'pkey_alloc',
  'pkey_free',
  'mremap',
  'brk',
  'madvise',
  'process_madvise',
  'mlock',
  'mlock2',
  'munlock',
  'mlockall',
  'munlockall',
  'msync',
  'mincore',
  'mseal',
  'mbind',
  'remap_file_pages',
  'map_shadow_stack',
  'shmat',
  'shmdt',
]);

/** The names of calls that overlapping threads can make in more than one order. */
export const isSpaceName = (name: string): boolean => SPACE_CALLS.has(name);

export function isSpaceCall(call: MemoryCall): call is SpaceCall {
  if (call.name === 'prctl') return MEMORY_OPTIONS.has(call.option);
  return SPACE_CALLS.has(call.name);
}

/** @param fd the machine's descriptor of the file of an mmap, or -1. */
export function runCall(process: Process, call: SpaceCall, fd: number): Answer {
  switch (call.name) {
    case 'mmap':
      return process.mmap(call.addr, call.len, call.prot, call.flags, fd, call.offset);
    case 'munmap':
      return process.munmap(call.addr, call.len);
    case 'mprotect':
      return process.mprotect(call.addr, call.len, call.prot);
    case 'brk':
      return process.brk(call.addr);
    case 'mremap': {
      const { oldAddress, oldSize, newSize, flags, newAddress } = call;
      return process.mremap(oldAddress, oldSize, newSize, flags, newAddress ?? 0);
    }
    case 'madvise':
      return process.madvise(call.addr, call.len, call.advice);
    case 'pkey_mprotect':
      return process.pkeyMprotect(call.addr, call.len, call.prot, call.pkey);
    case 'remap_file_pages':
      return process.remapFilePages(call.addr, call.len, call.prot, call.pgoff, call.flags);
    case 'prctl':
      return runPrctl(process, call);
    default:
      return runRarer(process, call);
  }
}

function runRarer(process: Process, call: SpaceCall): Answer {
  switch (call.name) {
    case 'mlock':
      return process.mlock(call.addr, call.len);
    case 'mlock2':
      return process.mlock2(call.addr, call.len, call.flags);
    case 'munlock':
      return process.munlock(call.addr, call.len);
    case 'mlockall':
      return process.mlockall(call.flags);
    case 'munlockall':
      return process.munlockall();
    case 'msync':
      return process.msync(call.addr, call.len, call.flags);
    case 'mincore':
      return process.mincore(call.addr, call.len);
    case 'mseal':
      return process.mseal(call.addr, call.len, call.flags);
    case 'mbind': {
      const mask = nodemaskOf(call.nodemask);
      if (mask === null) return UNMODELLED;
      return process.mbind(call.addr, call.len, call.mode, mask, call.flags);
    }
    case 'pkey_alloc':
      return process.pkeyAlloc(call.flags, call.accessRights);
    case 'pkey_free':
      return process.pkeyFree(call.pkey);
    default:
      // process_madvise, map_shadow_stack, shmat, shmdt.
      return UNMODELLED;
  }
}

/** Reads `[0x0000000000000001]` or NULL. @returns null for a mask of more than one word. */
function nodemaskOf(raw: string): Word | null {
  const array = parseStruct(raw);
  if (array === null) return parseInteger(raw) === 0 ? 0 : null;
  const [word, ...more] = array.items;
  if (word === undefined) return 0;
  return more.length > 0 ? null : parseInteger(word);
}

function runPrctl(process: Process, call: PrctlCall): Answer {
  const [second, addr, len, fourth] = call.args;
  if (call.option === PR_SET_MDWE) return process.setMdwe(second ?? 0);
  if (call.option === PR_GET_MDWE) return process.getMdwe();
  if (call.option === PR_SET_MEMORY_MERGE) return process.setMemoryMerge(second !== 0);
  if (second !== PR_SET_VMA_ANON_NAME) return EINVAL;
  // A name that strace has cut, or could not read, is not known.
  if (call.text === null && fourth !== 0) return UNMODELLED;
  return process.setAnonName(addr ?? 0, len ?? 0, call.text?.value ?? null);
}

/** The range a call is about; null when it chooses one, or has none. */
export function rangeOf(call: SpaceCall): { start: number; end: number } | null {
  if (call.name === 'mremap') return span(call.oldAddress, call.oldSize);
  if (!('addr' in call) || !('len' in call)) return null;
  return span(call.addr, call.len);
}

function span(addr: Word, len: Word): { start: number; end: number } | null {
  if (typeof addr !== 'number' || typeof len !== 'number' || addr < 0 || len <= 0) return null;
  const start = addr - (addr % PAGE_SIZE);
  return { start, end: Math.ceil((addr + len) / PAGE_SIZE) * PAGE_SIZE };
}

/**
 * Memory of which nothing is known but that it was there. @returns whether it could be put there.
 */
export function mapAssumed(process: Process, start: number, end: number): boolean {
  const flags = MAP_FIXED_NOREPLACE + MAP_PRIVATE + MAP_ANONYMOUS + MAP_NORESERVE;
  return !isErr(process.mmap(start, end - start, PROT_READ | PROT_WRITE, flags, -1, 0));
}

export const isFixed = (flags: Word): boolean =>
  (Number(flags) & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
export const isAnonymous = (flags: Word): boolean => (Number(flags) & MAP_ANONYMOUS) !== 0;
/** MAP_SHARED and MAP_SHARED_VALIDATE. */
export const isShared = (flags: Word): boolean => (Number(flags) & MAP_SHARED) !== 0;
