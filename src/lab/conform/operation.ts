/** One operation of a vector, run in a process. */
import {
  FAULT_BUS_ADRERR,
  FAULT_BUS_MCEERR_AR,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  PAGE_SIZE,
  type Process,
} from '../../index.ts';
import { type Repeat, parseRepeat, runRepeat } from '../oracle/repeat.ts';
import type { Userfaults } from './userfaults.ts';
import { resourceOf } from '../oracle/limits.ts';
import { setSoftLimit } from './limits.ts';
import type { VectorFiles } from './vector_files.ts';
import { VectorError, type VectorRecord } from './vector.ts';

/** What an operation came to, in the form of a record. */
export interface Outcome {
  /** As in a record: addresses are numbers here too. */
  readonly r?: number;
  readonly t?: readonly (number | string)[];
  /** Page faults that the touches took. */
  readonly f?: number;
  /** A digit for each page of mincore. */
  readonly v?: string;
  /** Of a repeat: how many of its turns succeeded. */
  readonly done?: number;
  /** VmSize, VmLck, VmData, VmStk in kB. */
  readonly totals?: readonly number[];
}

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
  mincore,
  brk: ({ process, arg }) => {
    const before = process.layout().brk;
    return { r: process.brk(before + Number(BigInt.asIntN(64, arg(0)))) - before };
  },
  st: (run) => counted(run.process, () => storePages(run)),
  ld: ({ process, num }) =>
    counted(process, () => loadPages(process, num(0), Math.ceil(num(1) / PAGE_SIZE))),
  ftrunc: ({ process, files, num }) => ({ r: process.machine.truncate(files.fd(num(0)), num(1)) }),
  pwrite: ({ process, files, num, arg }) => {
    const word = new Uint8Array(BigUint64Array.of(arg(2)).buffer);
    return { r: process.machine.pwrite(files.fd(num(0)), word, num(1)) };
  },
  uffd: ({ process, userfaults, arg }) => ({
    r: process.uffdRegister(userfaults.fd(process), arg(0), arg(1), arg(2)),
  }),
  unuffd: ({ process, userfaults, arg }) => ({
    r: process.uffdUnregister(userfaults.fd(process), arg(0), arg(1)),
  }),
  mlockall: ({ process, arg }) => ({ r: process.mlockall(arg(0)) }),
  munlockall: ({ process }) => ({ r: process.munlockall() }),
  personality: ({ process, arg }) => ({ r: process.setPersonality(wordAs32(arg(0))) }),
  pkeymprotect: ({ process, arg }) => ({
    r: process.pkeyMprotect(arg(0), arg(1), arg(2), arg(3)),
  }),
  rlimit: ({ process, arg, num }) => ({ r: setSoftLimit(process, num(0), arg(1)) }),
  mdwe: ({ process, arg }) => ({ r: process.setMdwe(arg(0)) }),
  punch: ({ process, files, num, arg }) => ({
    r: process.machine.punchHole(files.fd(num(0)), signed(arg(1)), signed(arg(2))),
  }),
  addseals: ({ process, files, num, arg }) => ({
    r: process.machine.addSeals(files.fd(num(0)), wordAs32(arg(1))),
  }),
  totals: ({ process }) => ({ totals: totalsOf(process) }),
  maps: () => ({}),
  base: () => ({}),
};

/** @throws VectorError for an operation that is not part of the format. */
export function runOperation(process: Process, open: Open, record: VectorRecord): Outcome {
  const repeat = repeatOf(record);
  if (repeat !== null) {
    return runRepeat(repeat, (op) => runOperation(process, open, { ...record, op }));
  }
  const [name = '', ...words] = record.op.split(' ');
  if (name === 'sweep') return { t: sweep(process, record) };
  const operation = OPERATIONS[name];
  if (operation === undefined) {
    throw new VectorError(`line ${record.line}: no operation is called "${name}"`);
  }
  const args = words.map((word) => resourceOf(word) ?? wordOf(word, record.line));
  const arg = (i: number): bigint => args[i] ?? 0n;
  return operation({ ...open, process, args, arg, num: (i) => Number(arg(i)) });
}

function repeatOf({ op, line }: VectorRecord): Repeat | null {
  try {
    return parseRepeat(op);
  } catch {
    throw new VectorError(`line ${line}: "${op}" is no repeat of an operation`);
  }
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

const signed = (word: bigint): number => Number(BigInt.asIntN(64, word));
/** Of an argument that the kernel takes for an unsigned int. */
const wordAs32 = (word: bigint): number => Number(BigInt.asUintN(32, word));

function totalsOf(process: Process): number[] {
  const { totalVm, lockedVm, dataVm, stackVm } = process.layout();
  return [totalVm, lockedVm, dataVm, stackVm].map((pages) => (pages * PAGE_SIZE) / 1024);
}

/** As a record writes the signal and its si_code. */
const SIGNALS: Readonly<Record<number, string>> = {
  [FAULT_SEGV_MAPERR]: 'S1',
  [FAULT_SEGV_ACCERR]: 'S2',
  [FAULT_BUS_ADRERR]: 'B2',
  [FAULT_BUS_MCEERR_AR]: 'B4',
};

const signalOf = (code: number): string => SIGNALS[code] ?? 'oom';

function counted(process: Process, touch: () => (number | string)[]): Outcome {
  const before = process.faults();
  const t = touch();
  const after = process.faults();
  return { t, f: after.minor - before.minor + after.major - before.major };
}

/** Stores value + i at the start of page i. */
function storePages({ process, arg, num }: Run): (number | string)[] {
  const count = Math.ceil(num(1) / PAGE_SIZE);
  return Array.from({ length: count }, (_, i) => {
    const code = process.store64(num(0) + i * PAGE_SIZE, arg(2) + BigInt(i));
    return code === 0 ? 1 : signalOf(code);
  });
}

const page = new Uint8Array(PAGE_SIZE);
const words = new BigUint64Array(page.buffer);

function loadPages(process: Process, start: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * PAGE_SIZE;
    const read = process.read(at, page);
    if (read === PAGE_SIZE) return contentsOf(words);
    // One that begins inside a page meets what the next one has, too.
    return signalOf(read < 0 ? read : process.read(at + read, page));
  });
}

/** The first word, and a sum of all when that says more. */
function contentsOf(all: BigUint64Array): string {
  const first = all[0] ?? 0n;
  let sum = 0n;
  for (const [i, word] of all.entries()) if (word !== 0n) sum += word * BigInt(2 * i + 1);
  sum = BigInt.asUintN(64, sum);
  return sum === first ? first.toString(16) : `${first.toString(16)}/${sum.toString(16)}`;
}

/** All pages of each mapping that the record lists, in the record's order. */
function sweep(process: Process, record: VectorRecord): string[] {
  return Object.entries(record.pages ?? {}).flatMap(([start, pages]) =>
    loadPages(process, parseInt(start, 16), pages.length),
  );
}

const MINCORE_PAGES = 2 ** 20;

function mincore({ process, arg, num }: Run): Outcome {
  const count = Math.ceil(num(1) / PAGE_SIZE);
  if (!(count <= MINCORE_PAGES)) return { r: process.mincore(arg(0), arg(1)) };
  const vec = new Uint8Array(count);
  const r = process.mincore(arg(0), arg(1), vec);
  return r === 0 ? { r, v: vec.join('') } : { r };
}
