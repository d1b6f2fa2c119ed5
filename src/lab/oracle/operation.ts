import { resourceOf, setSoftLimit } from './limits.ts';
import type { Subject } from './subject.ts';
import type { SyscallName } from './syscalls.ts';
import { loadPages, storePages, type Touch } from './touch.ts';
import { type SmapsVma, totalsOf } from './vmas.ts';
import { ioctlUserfault } from './userfault.ts';

const PAGE = 4096n;
const VECTOR_AT = 4096; // in the scratch area: the result of mincore
const VECTOR_PAGES = 4000n;
const F_ADD_SEALS = 1033;
const PUNCH_HOLE_KEEP_SIZE = 3;
const PR_SET_MDWE = 65;

/** What an operation did, as a record writes it. */
export interface Outcome {
  r?: number | string;
  t?: Touch[];
  v?: string;
  /** Page faults that the touches took, where none met a signal. */
  f?: number;
  pages?: Record<string, Touch[]>;
  /** VmSize, VmLck, VmData, VmStk in kB. */
  totals?: number[];
}

/** Operations that are a system call with exactly the arguments written, and its number of them. */
const PLAIN_CALLS: Readonly<Record<string, SyscallName>> = {
  munmap: 'munmap',
  mprotect: 'mprotect',
  madvise: 'madvise',
  mlock: 'mlock',
  munlock: 'munlock',
  mlock2: 'mlock2',
  mseal: 'mseal',
  msync: 'msync',
  rfp: 'remap_file_pages',
  mlockall: 'mlockall',
  munlockall: 'munlockall',
  personality: 'personality',
  pkeymprotect: 'pkey_mprotect',
};

type Run = (subject: Subject, args: readonly bigint[]) => Outcome;

const OPERATIONS: Readonly<Record<string, Run>> = {
  mmap: runMmap,
  mremap: (subject, args) => addressResult(subject.kernel.call('mremap', ...args)),
  mbind: runMbind,
  mincore: runMincore,
  brk: runBrk,
  ftrunc: runFtrunc,
  pwrite: runPwrite,
  st: ({ kernel }, [addr = 0n, len = 0n, value = 0n]) => storePages(kernel, { addr, len }, value),
  ld: ({ kernel }, [addr = 0n, len = 0n]) => loadPages(kernel, { addr, len }),
  uffd: (subject, args) => ({ r: ioctlUserfault(subject, 'register', args) }),
  unuffd: (subject, args) => ({ r: ioctlUserfault(subject, 'unregister', args) }),
  rlimit: ({ kernel }, [resource = 0n, soft = 0n]) => ({
    r: setSoftLimit(kernel, resource, soft),
  }),
  mdwe: ({ kernel }, [bits = 0n]) => ({
    r: Number(kernel.call('prctl', PR_SET_MDWE, bits, 0, 0, 0)),
  }),
  punch: runPunch,
  addseals: runAddSeals,
  totals: ({ kernel }) => ({ totals: totalsOf(kernel.status()) }),
  maps: () => ({}),
};

/** Runs one operation, written as in a vector, in a process; not `fork`, `exit` or `sweep`. */
export function runOperation(subject: Subject, operation: string): Outcome {
  const [name = '', ...words] = operation.split(' ');
  const args = words.map(wordOf);
  const plain = PLAIN_CALLS[name];
  if (plain !== undefined) return { r: Number(subject.kernel.call(plain, ...args)) };
  const run = OPERATIONS[name];
  if (run === undefined) throw new Error(`no operation is called ${name}.`);
  return run(subject, args);
}

/** A limit goes by its name, everything else is a number. */
const wordOf = (word: string): bigint => resourceOf(word) ?? BigInt.asUintN(64, BigInt(word));

/** Loads every page of every readable mapping given. */
export function runSweep(subject: Subject, vmas: readonly SmapsVma[]): Outcome {
  const pages: Record<string, Touch[]> = {};
  for (const vma of vmas) {
    if (!vma.perms.startsWith('r')) continue;
    const pagesOfVma = { addr: vma.start, len: vma.end - vma.start };
    pages[vma.start.toString(16)] = loadPages(subject.kernel, pagesOfVma).t;
  }
  return { pages };
}

function addressResult(result: number | bigint): Outcome {
  return { r: result < 0 ? Number(result) : result.toString(16) };
}

function fdOf(subject: Subject, file: bigint): bigint {
  return BigInt(subject.files.fds[Number(file)] ?? -1);
}

function runMmap(subject: Subject, args: readonly bigint[]): Outcome {
  const [addr = 0n, len = 0n, prot = 0n, flags = 0n, file = 0n, off = 0n] = args;
  const fd = fdOf(subject, BigInt.asIntN(64, file));
  return addressResult(subject.kernel.call('mmap', addr, len, prot, flags, fd, off));
}

/** Mode 0 goes without a node mask, as MPOL_DEFAULT must; others name node 0. */
function runMbind(subject: Subject, [addr = 0n, len = 0n, mode = 0n]: readonly bigint[]): Outcome {
  const mask = mode === 0n ? 0 : subject.kernel.poke(0, Buffer.from([1]));
  return { r: Number(subject.kernel.call('mbind', addr, len, mode, mask, mask === 0 ? 0 : 64, 0)) };
}

function runMincore(subject: Subject, [addr = 0n, len = 0n]: readonly bigint[]): Outcome {
  const pages = (len + PAGE - 1n) / PAGE;
  if (pages > VECTOR_PAGES) throw new Error('mincore is for at most 4000 pages here.');
  const vector = subject.kernel.poke(VECTOR_AT, Buffer.alloc(8));
  const r = Number(subject.kernel.call('mincore', addr, len, vector));
  if (r !== 0) return { r };
  const bytes = [...subject.kernel.peek(VECTOR_AT, Number(pages))];
  return { r, v: bytes.map((byte) => String(byte & 1)).join('') };
}

function runBrk(subject: Subject, [delta = 0n]: readonly bigint[]): Outcome {
  const before = BigInt(subject.kernel.call('brk', 0));
  const after = BigInt(subject.kernel.call('brk', before + BigInt.asIntN(64, delta)));
  return { r: Number(after - before) };
}

function runFtrunc(subject: Subject, [file = 0n, size = 0n]: readonly bigint[]): Outcome {
  return { r: Number(subject.kernel.call('ftruncate', fdOf(subject, file), size)) };
}

function runPwrite(subject: Subject, args: readonly bigint[]): Outcome {
  const [file = 0n, off = 0n, value = 0n] = args;
  const word = Buffer.alloc(8);
  word.writeBigUInt64LE(value);
  const at = subject.kernel.poke(0, word);
  return { r: Number(subject.kernel.call('pwrite64', fdOf(subject, file), at, 8, off)) };
}

function runPunch(subject: Subject, [file = 0n, off = 0n, len = 0n]: readonly bigint[]): Outcome {
  const fd = fdOf(subject, file);
  return { r: Number(subject.kernel.call('fallocate', fd, PUNCH_HOLE_KEEP_SIZE, off, len)) };
}

function runAddSeals(subject: Subject, [file = 0n, bits = 0n]: readonly bigint[]): Outcome {
  return { r: Number(subject.kernel.call('fcntl', fdOf(subject, file), F_ADD_SEALS, bits)) };
}
