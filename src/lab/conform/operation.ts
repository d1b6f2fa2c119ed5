/** One operation of a vector, run in a process. */
import {
  EFAULT,
  ENOMEM,
  hasFlag,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  PAGE_SIZE,
  type Process,
  type Touch,
  VM_UFFD_MISSING,
} from '../../index.ts';
import type { Userfaults } from './userfaults.ts';
import type { VectorFiles } from './vector_files.ts';
import { VectorError, type VectorRecord } from './vector.ts';

/** What an operation came to, in the form of a record. */
export interface Outcome {
  /** As in a record: addresses are numbers here too. */
  readonly r?: number;
  readonly t?: readonly (number | string | null)[];
  /** Why some of it is not known: `r` is missing then, or entries of `t` are null. */
  readonly unknown?: string;
}

/** A page that is missing there ends a touch; without page tables none is known to be present. */
const MISSING = 'which pages of memory watched by a userfaultfd are present is not known yet';

/** What the processes of a run have open. */
export interface Open {
  readonly files: VectorFiles;
  readonly userfaults: Userfaults;
}

interface Run extends Open {
  readonly process: Process;
  readonly args: readonly bigint[];
  /** Argument i as a plain number; 0 when it is missing. */
  readonly num: (i: number) => number;
  readonly arg: (i: number) => bigint;
}

const OPERATIONS: Readonly<Record<string, (run: Run) => Outcome>> = {
  mmap: ({ process, files, arg, num }) => {
    const fd = files.fd(Number(BigInt.asIntN(64, arg(4))));
    return { r: process.mmap(arg(0), arg(1), num(2), num(3), fd, arg(5)) };
  },
  munmap: ({ process, arg }) => ({ r: process.munmap(arg(0), arg(1)) }),
  mprotect: ({ process, arg }) => ({ r: process.mprotect(arg(0), arg(1), arg(2)) }),
  mremap: ({ process, arg }) => ({ r: process.mremap(arg(0), arg(1), arg(2), arg(3), arg(4)) }),
  madvise: (run) => {
    const { process, arg, num } = run;
    const r = process.madvise(arg(0), arg(1), arg(2));
    const populates = num(2) === MADV_POPULATE_READ || num(2) === MADV_POPULATE_WRITE;
    return populates ? populated(run, r) : { r };
  },
  mlock: (run) => populated(run, run.process.mlock(run.arg(0), run.arg(1))),
  munlock: ({ process, arg }) => ({ r: process.munlock(arg(0), arg(1)) }),
  mlock2: (run) => populated(run, run.process.mlock2(run.arg(0), run.arg(1), run.arg(2))),
  mseal: ({ process, arg }) => ({ r: process.mseal(arg(0), arg(1), arg(2)) }),
  msync: ({ process, arg }) => ({ r: process.msync(arg(0), arg(1), arg(2)) }),
  rfp: ({ process, arg }) => ({
    r: process.remapFilePages(arg(0), arg(1), arg(2), arg(3), arg(4)),
  }),
  // Mode 0 goes without a node mask, as MPOL_DEFAULT must; the others name node 0.
  mbind: ({ process, arg, num }) => ({
    r: process.mbind(arg(0), arg(1), num(2), num(2) === 0 ? 0 : 1, 0),
  }),
  mincore: ({ process, arg }) => ({ r: process.mincore(arg(0), arg(1)) }),
  brk: ({ process, arg }) => {
    const before = process.layout().brk;
    return { r: process.brk(before + Number(BigInt.asIntN(64, arg(0)))) - before };
  },
  st: (run) => touchPages(run, 'write'),
  ld: (run) => touchPages(run, 'read'),
  ftrunc: ({ process, files, num }) => ({ r: process.machine.truncate(files.fd(num(0)), num(1)) }),
  pwrite: ({ process, files, num }) => {
    const fd = files.fd(num(0));
    const size = process.machine.fileSize(fd);
    if (num(1) + 8 > size) process.machine.truncate(fd, num(1) + 8);
    return {};
  },
  uffd: ({ process, userfaults, arg }) => ({
    r: process.uffdRegister(userfaults.fd(process), arg(0), arg(1), arg(2)),
  }),
  unuffd: ({ process, userfaults, arg }) => ({
    r: process.uffdUnregister(userfaults.fd(process), arg(0), arg(1)),
  }),
  maps: () => ({}),
  base: () => ({}),
};

/** @throws VectorError for an operation that is not part of the format. */
export function runOperation(process: Process, open: Open, record: VectorRecord): Outcome {
  const [name = '', ...words] = record.op.split(' ');
  if (name === 'sweep') return sweep(process, record);
  const operation = OPERATIONS[name];
  if (operation === undefined) {
    throw new VectorError(`line ${record.line}: no operation is called "${name}"`);
  }
  const args = words.map((word) => wordOf(word, record.line));
  const arg = (i: number): bigint => args[i] ?? 0n;
  const { files, userfaults } = open;
  return operation({ process, files, userfaults, args, arg, num: (i) => Number(arg(i)) });
}

function wordOf(word: string, line: number): bigint {
  const negative = word.startsWith('-');
  try {
    const value = BigInt(negative ? word.slice(1) : word);
    return BigInt.asUintN(64, negative ? -value : value);
  } catch {
    throw new VectorError(`line ${line}: "${word}" is not a number`);
  }
}

const TOUCHES: Readonly<Record<Touch, number | string>> = {
  done: 1,
  SEGV_MAPERR: 'S1',
  SEGV_ACCERR: 'S2',
  BUS_ADRERR: 'B2',
  BUS_MCEERR_AR: 'B4',
  oom: 'oom',
};

function touchPages({ process, arg }: Run, access: 'read' | 'write'): Outcome {
  return touchesOf(process, [{ start: arg(0), len: arg(1) }], access);
}

/** A load from each page of each mapping that the record lists, in the record's order. */
function sweep(process: Process, record: VectorRecord): Outcome {
  const ranges = Object.entries(record.pages ?? {}).map(([start, pages]) => ({
    start: BigInt(`0x${start}`),
    len: BigInt(pages.length * PAGE_SIZE),
  }));
  return touchesOf(process, ranges, 'read');
}

interface TouchedRange {
  readonly start: bigint;
  readonly len: bigint;
}

function touchesOf(
  process: Process,
  ranges: readonly TouchedRange[],
  access: 'read' | 'write',
): Outcome {
  const t = ranges.flatMap(({ start, len }) => {
    const first = Number(start) - (Number(start) % PAGE_SIZE);
    return process
      .touchRange(start, len, access)
      .map((touch, i) =>
        touch === 'done' && isWatched(process, first + i * PAGE_SIZE) ? null : TOUCHES[touch],
      );
  });
  return t.includes(null) ? { t, unknown: MISSING } : { t };
}

function isWatched(process: Process, addr: number): boolean {
  const vma = process.find(addr);
  return vma !== null && hasFlag(vma.flags, VM_UFFD_MISSING);
}

/** The result of a call that fails, in one of these ways, when a page cannot be had. */
function populated({ process, arg }: Run, r: number): Outcome {
  if (r !== 0 && r !== ENOMEM && r !== EFAULT) return { r };
  const start = Number(arg(0));
  const end = start + Number(arg(1));
  const meets = process
    .vmas()
    .some((vma) => vma.start < end && vma.end > start && hasFlag(vma.flags, VM_UFFD_MISSING));
  return meets ? { unknown: MISSING } : { r };
}
