/**
 * Random calls on memory that up to three userfaultfds watch, made by the live kernel and by ours:
 * every result, VMA and flag must be the same. Nothing watched is touched: nobody would answer.
 */
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import {
  EBADF,
  hasFlag,
  UFFD_API,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_WP_ASYNC,
  VM_UFFD_FLAGS,
} from '../../src/index.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { isRoot, Twin } from '../twin.ts';
import { difference, type Step } from './difference.ts';

const P = 4096;
const WINDOW = 0x200000000000;
const RUNS = Number(process.env['RUNS'] ?? 60);
/** The same programs each time; SEED=... RUNS=... runs others. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const CALLS = 80;
const O_NONBLOCK = 0x800;
const FIXED = 0x10;
const UFFDIO = { api: 0xc018aa3f, register: 0xc020aa00, unregister: 0x8010aa01 } as const;
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

function ioctl(
  { kernel }: Twin,
  fd: number,
  [request, ...words]: readonly [number, ...number[]],
): number {
  const bytes = Buffer.alloc(32);
  words.forEach((word, i) => bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(word)), i * 8));
  return Number(kernel.call('ioctl', fd, request, kernel.poke(0, bytes)));
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

function api(caller: Caller): Step {
  const { twin, random } = caller;
  const { theirs, ours } = one(caller);
  const features = random.pick([0, UFFD_FEATURE_SIGBUS, UFFD_FEATURE_WP_ASYNC, 1 << 17, -1]);
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

function store(caller: Caller): Step {
  const { twin } = caller;
  const at = addr(caller);
  // What lies above may be a stack, and grow to where it is touched.
  const above = twin.process.vmas().find(({ end }) => end > at);
  if (above !== undefined && hasFlag(above.flags, VM_UFFD_FLAGS))
    return { call: 'nothing', kernel: EBADF, engine: EBADF };
  const { signal } = twin.kernel.store(at, 1);
  const engine = twin.process.touch(at, 'write') === 'done' ? 0 : 1;
  return { call: `store ${at.toString(16)}`, kernel: Math.min(signal, 1), engine };
}

const MAKERS: readonly Maker[] = [
  mmap,
  mmap,
  mmap,
  (c) => make(c, 'munmap', addr(c), len(c)),
  (c) => make(c, 'mprotect', addr(c), len(c), c.random.pick([0, 1, 3, 3, 7])),
  mremap,
  mremap,
  (c) => make(c, 'madvise', addr(c), len(c), c.random.pick(ADVICE)),
  (c) => (c.random.chance(0.2) ? make(c, 'mseal', addr(c), P, 0) : store(c)),
  (c) => make(c, 'remap_file_pages', addr(c), len(c), 0, c.random.below(3), 0),
  store,
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
    `X-16 agrees on every result, VMA and flag; SEED=${FIRST_SEED}${why === undefined ? '' : `; skipped: ${why}`}`,
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) runProgram(seed);
    },
  );
});
