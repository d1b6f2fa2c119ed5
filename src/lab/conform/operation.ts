/** One operation of a vector, run in a process. */
import { PAGE_SIZE, type Process, type Touch } from '../../index.ts';
import type { VectorFiles } from './vector_files.ts';
import { VectorError, type VectorRecord } from './vector.ts';

/** What an operation came to, in the form of a record. */
export interface Outcome {
  /** As in a record: addresses are numbers here too. */
  readonly r?: number;
  readonly t?: readonly (number | string)[];
}

/** What the engine does not do yet, and so does not run. */
export const UNMODELLED: Readonly<Record<string, string>> = {
  uffd: 'userfaultfd is not modelled yet',
  unuffd: 'userfaultfd is not modelled yet',
};

interface Run {
  readonly process: Process;
  readonly files: VectorFiles;
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
  madvise: ({ process, arg }) => ({ r: process.madvise(arg(0), arg(1), arg(2)) }),
  mlock: ({ process, arg }) => ({ r: process.mlock(arg(0), arg(1)) }),
  munlock: ({ process, arg }) => ({ r: process.munlock(arg(0), arg(1)) }),
  mlock2: ({ process, arg }) => ({ r: process.mlock2(arg(0), arg(1), arg(2)) }),
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
  st: (run) => ({ t: touchPages(run, 'write') }),
  ld: (run) => ({ t: touchPages(run, 'read') }),
  ftrunc: ({ process, files, num }) => ({ r: process.machine.truncate(files.fd(num(0)), num(1)) }),
  pwrite: ({ process, files, num }) => {
    const fd = files.fd(num(0));
    const size = process.machine.fileSize(fd);
    if (num(1) + 8 > size) process.machine.truncate(fd, num(1) + 8);
    return {};
  },
  maps: () => ({}),
  base: () => ({}),
};

/** @throws VectorError for an operation that is not part of the format. */
export function runOperation(process: Process, files: VectorFiles, record: VectorRecord): Outcome {
  const [name = '', ...words] = record.op.split(' ');
  if (name === 'sweep') return { t: sweep(process, record) };
  const operation = OPERATIONS[name];
  if (operation === undefined) {
    throw new VectorError(`line ${record.line}: no operation is called "${name}"`);
  }
  const args = words.map((word) => wordOf(word, record.line));
  const arg = (i: number): bigint => args[i] ?? 0n;
  return operation({ process, files, args, arg, num: (i) => Number(arg(i)) });
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

function touchPages({ process, arg }: Run, access: 'read' | 'write'): (number | string)[] {
  return process.touchRange(arg(0), arg(1), access).map((touch) => TOUCHES[touch]);
}

/** A load from each page of each mapping that the record lists, in the record's order. */
function sweep(process: Process, record: VectorRecord): (number | string)[] {
  return Object.entries(record.pages ?? {}).flatMap(([start, pages]) =>
    process
      .touchRange(parseInt(start, 16), pages.length * PAGE_SIZE, 'read')
      .map((touch) => TOUCHES[touch]),
  );
}
