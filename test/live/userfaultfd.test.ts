/**
 * Random calls, loads and stores on memory that up to three userfaultfds watch, made by the live
 * kernel and by ours: every result, signal, word, VMA and flag must be the same. Who watches asks
 * for SIGBUS: nobody would answer.
 */
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import {
  FAULT_BUS_ADRERR,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  hasFlag,
  UFFD_API,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  VM_UFFD_WP,
} from '../../src/index.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import type { Answer } from '../../src/lab/oracle/request.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { isRoot, Twin } from '../twin.ts';
import { difference, type Step } from './difference.ts';

const P = 4096;
const WINDOW = 0x200000000000;
const RUNS = Number(process.env['RUNS'] ?? 60);
/** The same programs each time; SEED=... RUNS=... runs others. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const CALLS = 120;
const O_NONBLOCK = 0x800;
const FIXED = 0x10;
const UFFDIO = {
  api: 0xc018aa3f,
  register: 0xc020aa00,
  unregister: 0x8010aa01,
  wake: 0x8010aa02,
  copy: 0xc028aa03,
  zeropage: 0xc020aa04,
  writeprotect: 0xc018aa06,
} as const;
/** Where an ioctl says how much of it was done. */
const DONE_AT = { [UFFDIO.copy]: 32, [UFFDIO.zeropage]: 24 } as Readonly<Record<number, number>>;
const reason = whyNotLive();

/** A userfaultfd in both: the kernel's descriptor and ours. */
interface Pair {
  readonly theirs: number;
  readonly ours: number;
}

interface Caller {
  readonly twin: Twin;
  readonly random: Random;
  /** Files as the kernel numbers them. */
  readonly files: readonly number[];
  readonly pairs: Pair[];
}

type Maker = (caller: Caller) => Step;
type Call = Parameters<Twin['call']>[0];

const addr = ({ random }: Caller): number => WINDOW + random.below(40) * P;
const len = ({ random }: Caller): number => (1 + random.below(8)) * P;

function make({ twin }: Caller, name: Call, ...words: readonly number[]): Step {
  const [kernel, engine] = twin.call(name, ...words);
  const call = `${name} ${words.map((word) => word.toString(16)).join(' ')}`;
  return { call, kernel: Number(kernel), engine: Number(engine) };
}

/** @returns the ioctl's result; of those that may do a part, how many bytes they did, if any. */
function ioctl(
  { kernel }: Twin,
  fd: number,
  [request, ...words]: readonly [number, ...number[]],
): number {
  const bytes = Buffer.alloc(48);
  words.forEach((word, i) => bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(word)), i * 8));
  const result = Number(kernel.call('ioctl', fd, request, kernel.poke(0, bytes)));
  const doneAt = DONE_AT[request];
  const done = doneAt === undefined ? 0 : Number(kernel.peek(doneAt, 8).readBigInt64LE(0));
  return done > 0 ? done : result;
}

const MMAP_FLAGS = [0x22, 0x22, 0x22, 0x21, 0x122, 0x28, 0x4022, 0x20022];

function mmap(caller: Caller): Step {
  const { random, files } = caller;
  const ofFile = random.chance(0.4);
  const fixed = random.chance(0.8) ? FIXED : 0;
  const flags = (ofFile ? random.pick([1, 1, 2, 3]) : random.pick(MMAP_FLAGS)) | fixed;
  const fd = ofFile ? random.pick(files) : -1;
  const offset = ofFile ? random.below(3) * P : 0;
  return make(
    caller,
    'mmap',
    addr(caller),
    len(caller),
    random.pick([0, 1, 3, 3, 3, 7]),
    flags,
    fd,
    offset,
  );
}

function mremap(caller: Caller): Step {
  const { random } = caller;
  const old = random.pick([len(caller), P, 2 * P]);
  const next = random.chance(0.5) ? old : len(caller);
  return make(
    caller,
    'mremap',
    addr(caller),
    old,
    next,
    random.pick([0, 1, 1, 3, 3, 5, 7]),
    addr(caller),
  );
}

const ADVICE = [0, 1, 2, 4, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 24, 102, 103];

/** Linux never comes back from guarding what is write-protected of a file (docs/kernel-notes.md). */
function madvise(caller: Caller): Step {
  const { twin, random } = caller;
  const [start, length, advice] = [addr(caller), len(caller), random.pick(ADVICE)];
  const isProtected = twin.process
    .vmas()
    .some((vma) => vma.end > start && vma.start < start + length && hasFlag(vma.flags, VM_UFFD_WP));
  return make(caller, 'madvise', start, length, advice === 102 && isProtected ? 4 : advice);
}

/** Opens one more, or closes one of three. */
function openOrClose({ twin, random, pairs }: Caller): Step {
  const pair = pairs.length < 3 ? undefined : pairs.splice(random.below(3), 1)[0];
  if (pair !== undefined) {
    const kernel = Number(twin.kernel.call('close', pair.theirs));
    return { call: `close ${pair.theirs}`, kernel, engine: twin.machine.close(pair.ours) };
  }
  const flags = random.pick([O_NONBLOCK, O_NONBLOCK, O_NONBLOCK | 1, 2, 0x80800]);
  const theirs = Number(twin.kernel.call('userfaultfd', flags));
  const ours = twin.process.userfaultfd(flags);
  if (theirs >= 0 && ours >= 0) pairs.push({ theirs, ours });
  const call = `userfaultfd ${flags.toString(16)}`;
  return { call, kernel: Math.min(theirs, 0), engine: Math.min(ours, 0) };
}

const NOT_OPEN: Pair = { theirs: 999, ours: 999 };
const one = ({ random, pairs }: Caller): Pair =>
  pairs.length === 0 ? NOT_OPEN : random.pick(pairs);

const FEATURES = [
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_SIGBUS | UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_SIGBUS | UFFD_FEATURE_WP_UNPOPULATED,
  1 << 17,
  -1,
];

function api(caller: Caller): Step {
  const { twin, random } = caller;
  const { theirs, ours } = one(caller);
  const features = random.pick(FEATURES);
  const kernel = ioctl(twin, theirs, [UFFDIO.api, UFFD_API, features, 0]);
  return {
    call: `api ${theirs} ${features}`,
    kernel,
    engine: twin.process.uffdApi(ours, features),
  };
}

/** Sometimes not whole pages. */
function range(caller: Caller): [addr: number, len: number] {
  const { random } = caller;
  const odd = random.chance(0.03) ? random.pick([1, 2048]) : 0;
  return [addr(caller) + odd, random.chance(0.05) ? random.pick([0, 100, -P]) : 2 * len(caller)];
}

function register(caller: Caller): Step {
  const { twin, random } = caller;
  const { theirs, ours } = one(caller);
  const mode = random.pick([1, 1, 1, 2, 2, 3, 4, 5, 7, 0, 8]);
  const [a, l] = range(caller);
  const kernel = ioctl(twin, theirs, [UFFDIO.register, a, l, mode, 0]);
  const engine = twin.process.uffdRegister(ours, a, l, mode);
  return { call: `register ${theirs} ${a.toString(16)} ${l.toString(16)} ${mode}`, kernel, engine };
}

function unregister(caller: Caller): Step {
  const { twin } = caller;
  const { theirs, ours } = one(caller);
  const [a, l] = range(caller);
  const kernel = ioctl(twin, theirs, [UFFDIO.unregister, a, l]);
  const engine = twin.process.uffdUnregister(ours, a, l);
  return { call: `unregister ${theirs} ${a.toString(16)} ${l.toString(16)}`, kernel, engine };
}

/** What the program's own file holds is not ours to know. */
const isForeign = ({ twin }: Caller, start: number, length: number): boolean =>
  twin.process
    .vmas()
    .some((vma) => vma.file?.path === execPath && vma.start < start + length && vma.end > start);

/** From any byte of the window, watched memory included. */
function copy(caller: Caller): Step {
  const { twin, random } = caller;
  const { theirs, ours } = one(caller);
  const [dst, length] = range(caller);
  const src = addr(caller) + random.pick([0, 0, 8, 4000]);
  if (isForeign(caller, src, length)) return { call: 'nothing', kernel: 0, engine: 0 };
  const mode = random.pick([0, 0, 0, 1, 2, 2, 3, 4]);
  const kernel = ioctl(twin, theirs, [UFFDIO.copy, dst, src, length, mode, 0]);
  const engine = twin.process.uffdCopy(ours, dst, src, length, mode);
  return { call: said('copy', theirs, dst, src, length, mode), kernel, engine };
}

function zeropage(caller: Caller): Step {
  const { twin, random } = caller;
  const { theirs, ours } = one(caller);
  const [a, l] = range(caller);
  const mode = random.pick([0, 0, 0, 1, 2]);
  const kernel = ioctl(twin, theirs, [UFFDIO.zeropage, a, l, mode, 0]);
  const engine = twin.process.uffdZeropage(ours, a, l, mode);
  return { call: said('zeropage', theirs, a, l, mode), kernel, engine };
}

function writeprotect(caller: Caller): Step {
  const { twin, random } = caller;
  const { theirs, ours } = one(caller);
  const [a, l] = range(caller);
  const mode = random.pick([1, 1, 1, 0, 2, 3, 4]);
  const kernel = ioctl(twin, theirs, [UFFDIO.writeprotect, a, l, mode]);
  const engine = twin.process.uffdWriteprotect(ours, a, l, mode);
  return { call: said('writeprotect', theirs, a, l, mode), kernel, engine };
}

function wake(caller: Caller): Step {
  const { twin } = caller;
  const { theirs, ours } = one(caller);
  const [a, l] = range(caller);
  const kernel = ioctl(twin, theirs, [UFFDIO.wake, a, l]);
  return { call: said('wake', theirs, a, l), kernel, engine: twin.process.uffdWake(ours, a, l) };
}

const said = (name: string, ...words: readonly number[]): string =>
  [name, ...words.map((word) => word.toString(16))].join(' ');

/** The signal, or what was done. */
function touched({ signal, code }: Answer, done: number | string): number | string {
  if (signal === 0) return done;
  return signal === 7 ? FAULT_BUS_ADRERR : code === 2 ? FAULT_SEGV_ACCERR : FAULT_SEGV_MAPERR;
}

function store(caller: Caller): Step {
  const { twin, random } = caller;
  const at = addr(caller);
  const value = 1 + random.below(2 ** 30);
  const kernel = touched(twin.kernel.store(at, value), 0);
  const engine = twin.process.store64(at, BigInt(value));
  return { call: `store ${at.toString(16)}`, kernel, engine };
}

function load(caller: Caller): Step {
  const { twin } = caller;
  const at = addr(caller);
  const answer = twin.kernel.load(at);
  const word = twin.process.load64(at);
  const isOurs = !isForeign(caller, at, 8);
  const kernel = touched(answer, isOurs ? answer.value.toString(16) : 'a word');
  const seen = isOurs ? word.toString(16) : 'a word';
  const engine = word < 0n ? Number(word) : seen;
  return { call: `load ${at.toString(16)}`, kernel, engine };
}

const MAKERS: readonly Maker[] = [
  mmap,
  mmap,
  mmap,
  (c) => make(c, 'munmap', addr(c), len(c)),
  (c) => make(c, 'mprotect', addr(c), len(c), c.random.pick([0, 1, 3, 3, 7])),
  mremap,
  mremap,
  madvise,
  (c) => (c.random.chance(0.2) ? make(c, 'mseal', addr(c), P, 0) : store(c)),
  (c) => make(c, 'remap_file_pages', addr(c), len(c), 0, c.random.below(3), 0),
  store,
  store,
  load,
  load,
  copy,
  copy,
  copy,
  zeropage,
  writeprotect,
  writeprotect,
  (c) => (c.random.chance(0.3) ? wake(c) : store(c)),
  (c) => (c.random.chance(0.5) ? openOrClose(c) : api(c)),
  api,
  register,
  register,
  register,
  register,
  unregister,
];

function runProgram(seed: number): void {
  const random = new Random(seed, 'userfaultfd');
  const twin = Twin.start();
  const files = [twin.memfd('watched', 32), twin.file(execPath, 'r')];
  const caller: Caller = { twin, random, files, pairs: [] };
  const steps: string[] = [];
  try {
    for (let i = 0; i < CALLS; i++) {
      const step = random.pick(MAKERS)(caller);
      steps.push(`${step.call} => ${step.kernel}`);
      const repeat = `SEED=${seed} RUNS=1 npx vitest run test/live/userfaultfd.test.ts`;
      expect(difference(twin, step), `${repeat}\n${steps.slice(-6).join('\n')}`).toBeNull();
      twin.process.verify();
    }
  } finally {
    twin.stop();
  }
}

describe('userfaultfd, against the live kernel', () => {
  const why = reason ?? (isRoot() ? undefined : 'userfaultfd takes root');
  it.skipIf(why !== undefined)(
    `X-16 agrees on every result, signal, word, VMA and flag; SEED=${FIRST_SEED}${why === undefined ? '' : `; skipped: ${why}`}`,
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) runProgram(seed);
    },
  );
});
