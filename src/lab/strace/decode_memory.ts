import type { Arguments } from './arguments.ts';
import type { MapCall, PolicyCall, RangeCall, ShmCall } from './memory_call.ts';
import type { Word } from './record.ts';
import { parseStruct } from './value.ts';

type Decoder<C> = (a: Arguments) => C;

// Address and length are written out in each: spreading them would cost more than reading them.

/** The calls that change a range, or all, of what is mapped. */
export const RANGE_DECODERS: Readonly<Record<string, Decoder<RangeCall>>> = {
  munmap: (a) => ({ name: 'munmap', addr: a.word(0), len: a.word(1) }),
  mincore: (a) => ({ name: 'mincore', addr: a.word(0), len: a.word(1) }),
  mlock: (a) => ({ name: 'mlock', addr: a.word(0), len: a.word(1) }),
  munlock: (a) => ({ name: 'munlock', addr: a.word(0), len: a.word(1) }),
  mlock2: (a) => ({ name: 'mlock2', addr: a.word(0), len: a.word(1), flags: a.int(2) }),
  mlockall: (a) => ({ name: 'mlockall', flags: a.int(0) }),
  munlockall: () => ({ name: 'munlockall' }),
  mprotect: (a) => ({ name: 'mprotect', addr: a.word(0), len: a.word(1), prot: a.word(2) }),
  pkey_mprotect: (a) => ({
    name: 'pkey_mprotect',
    addr: a.word(0),
    len: a.word(1),
    prot: a.word(2),
    pkey: a.int(3),
  }),
  madvise: (a) => ({ name: 'madvise', addr: a.word(0), len: a.word(1), advice: a.int(2) }),
  msync: (a) => ({ name: 'msync', addr: a.word(0), len: a.word(1), flags: a.int(2) }),
  mseal: (a) => ({ name: 'mseal', addr: a.word(0), len: a.word(1), flags: a.word(2) }),
};

/** The calls that make mappings, or move them. */
export const MAP_DECODERS: Readonly<Record<string, Decoder<MapCall>>> = {
  mmap,
  mremap: (a) => ({
    name: 'mremap',
    oldAddress: a.word(0),
    oldSize: a.word(1),
    newSize: a.word(2),
    flags: a.word(3),
    newAddress: a.wordOrNull(4),
  }),
  brk: (a) => ({ name: 'brk', addr: a.word(0) }),
  remap_file_pages: (a) => ({
    name: 'remap_file_pages',
    addr: a.word(0),
    len: a.word(1),
    prot: a.word(2),
    pgoff: a.word(3),
    flags: a.word(4),
  }),
  map_shadow_stack: (a) => ({
    name: 'map_shadow_stack',
    addr: a.word(0),
    len: a.word(1),
    flags: a.int(2),
  }),
};

function mmap(a: Arguments): MapCall {
  const fd = a.fd(4);
  return {
    name: 'mmap',
    addr: a.word(0),
    len: a.word(1),
    prot: a.word(2),
    flags: a.word(3),
    fd: fd.fd === -1 ? null : fd,
    offset: a.word(5),
  };
}

/** The calls that advise, on memory policy and protection keys. */
export const POLICY_DECODERS: Readonly<Record<string, Decoder<PolicyCall>>> = {
  mbind: (a) => ({
    name: 'mbind',
    addr: a.word(0),
    len: a.word(1),
    mode: a.int(2),
    nodemask: a.raw(3),
    maxnode: a.word(4),
    flags: a.int(5),
  }),
  process_madvise: (a) => ({
    name: 'process_madvise',
    pidfd: a.fd(0).fd,
    ranges: vector(a),
    advice: a.int(3),
    flags: a.int(4),
  }),
  pkey_alloc: (a) => ({ name: 'pkey_alloc', flags: a.int(0), accessRights: a.int(1) }),
  pkey_free: (a) => ({ name: 'pkey_free', pkey: a.int(0) }),
};

/** Reads `[{iov_base=0x7f00, iov_len=4096}, ...]`. */
function vector(a: Arguments): { addr: Word; len: Word }[] | null {
  const array = parseStruct(a.raw(1));
  if (array === null) return null;
  const ranges: { addr: Word; len: Word }[] = [];
  for (const item of array.items) {
    const range = parseStruct(item);
    // strace shows the first few, and `...` for the others.
    if (range === null) return null;
    ranges.push({ addr: a.field(range, 'iov_base', 0), len: a.field(range, 'iov_len', 0) });
  }
  return ranges;
}

/** System V shared memory. */
export const SHM_DECODERS: Readonly<Record<string, Decoder<ShmCall>>> = {
  shmget: (a) => ({ name: 'shmget', key: a.int(0), size: a.word(1), shmflg: a.int(2) }),
  shmat: (a) => ({ name: 'shmat', shmid: a.int(0), shmaddr: a.word(1), shmflg: a.int(2) }),
  shmdt: (a) => ({ name: 'shmdt', shmaddr: a.word(0) }),
};
