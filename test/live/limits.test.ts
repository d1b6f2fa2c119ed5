/**
 * Random calls under resource limits, personalities and mlockall, made by the
 * live kernel and by ours: every result, VMA, flag and total must be the same.
 */
import { describe, expect, it } from 'vitest';
import {
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_STACK,
  type Word,
} from '../../src/index.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import type { SyscallName } from '../../src/lab/oracle/syscalls.ts';
import { isRoot, Twin } from '../twin.ts';
import { difference, type Step } from './difference.ts';

const P = 4096;
const WINDOW = 0x200000000000;
const NOBODY = 65534;
const RUNS = Number(process.env['RUNS'] ?? 40);
/** The same programs each time; SEED=... RUNS=... runs others. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const CALLS = 80;
const reason = whyNotLive();

type Random = (below: number) => number;

function randomOf(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * below);
  };
}

/** Makes one call on both sides. */
interface Caller {
  readonly twin: Twin;
  readonly random: Random;
  readonly brk: number;
}

type Maker = (caller: Caller) => Step;

const pick = <T>(random: Random, choices: readonly T[]): T => choices[random(choices.length)] as T;
const addr = (random: Random): number => WINDOW + random(40) * P;
const len = (random: Random): number => (1 + random(8)) * P;

/** A call that both sides take with the same words. */
function both(
  { twin }: Caller,
  name: SyscallName,
  words: readonly number[],
  engine: (...words: readonly Word[]) => number,
): Step {
  const call = `${name} ${words.map((word) => word.toString(16)).join(' ')}`;
  return { call, kernel: Number(twin.kernel.call(name, ...words)), engine: engine(...words) };
}

const MAKERS: readonly Maker[] = [
  setLimit,
  (caller) => mmap(caller, 0x22),
  (caller) => mmap(caller, 0x22),
  (caller) => mmap(caller, 0x21),
  (c) =>
    both(c, 'munmap', [addr(c.random), len(c.random)], (a = 0, l = 0) =>
      c.twin.process.munmap(a, l),
    ),
  (c) =>
    both(
      c,
      'mprotect',
      [addr(c.random), len(c.random), pick(c.random, [0, 1, 3, 3, 7])],
      (a = 0, l = 0, p = 0) => c.twin.process.mprotect(a, l, p),
    ),
  (c) =>
    both(c, 'mlock', [addr(c.random) + c.random(3) * 100, c.random(9999)], (a = 0, l = 0) =>
      c.twin.process.mlock(a, l),
    ),
  (c) =>
    both(
      c,
      'mlock2',
      [addr(c.random), len(c.random), pick(c.random, [0, 1, 1, 2])],
      (a = 0, l = 0, f = 0) => c.twin.process.mlock2(a, l, f),
    ),
  (c) =>
    both(c, 'munlock', [addr(c.random), len(c.random)], (a = 0, l = 0) =>
      c.twin.process.munlock(a, l),
    ),
  (c) => both(c, 'mlockall', [c.random(9)], (f = 0) => c.twin.process.mlockall(f)),
  (c) => both(c, 'munlockall', [], () => c.twin.process.munlockall()),
  (c) =>
    both(c, 'brk', [c.brk + pick(c.random, [0, c.random(40) * P, c.random(200_000)])], (a = 0) =>
      c.twin.process.brk(a),
    ),
  (c) => {
    const flags = pick(c.random, [0, 1, 1, 3, 5, 7]);
    const lengths = [pick(c.random, [len(c.random), P, 0]), pick(c.random, [len(c.random), P])];
    return both(
      c,
      'mremap',
      [addr(c.random), ...lengths, flags, addr(c.random)],
      (a = 0, o = 0, n = 0, f = 0, to = 0) => c.twin.process.mremap(a, o, n, f, to),
    );
  },
  (c) =>
    both(
      c,
      'madvise',
      [addr(c.random), len(c.random), pick(c.random, ADVICE)],
      (a = 0, l = 0, v = 0) => c.twin.process.madvise(a, l, v),
    ),
  (c) =>
    both(
      c,
      'pkey_mprotect',
      [addr(c.random), len(c.random), pick(c.random, [1, 3]), pick(c.random, [-1, 0, 1])],
      (a = 0, l = 0, p = 0, k = 0) => c.twin.process.pkeyMprotect(a, l, p, k),
    ),
  store,
  rarely((c) =>
    both(c, 'prctl', [65, c.random(5), 0, 0, 0], (_option = 0, bits = 0) =>
      c.twin.process.setMdwe(bits),
    ),
  ),
  rarely((c) =>
    both(c, 'prctl', [67, c.random(2), 0, 0, 0], (_option = 0, on = 0) =>
      c.twin.process.setMemoryMerge(on === 1),
    ),
  ),
  rarely(personality),
];

const ADVICE = [0, 1, 2, 3, 4, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 102, 103];

function mmap(c: Caller, type: number): Step {
  const { random } = c;
  const extra = pick(
    random,
    [0, 0, 0x10, 0x10, 0x100000, 0x2000, 0x4000, 0x110, 0x40, 0x20000, 0x8000],
  );
  const flags = type === 0x21 ? type | (extra & 0x2010) : type | extra;
  const place = pick(random, [0, addr(random), addr(random)]);
  const words = [place, pick(random, [len(random), random(200) * P + 1]), random(8), flags, -1, 0];
  return both(c, 'mmap', words, (a = 0, l = 0, p = 0, f = 0, fd = 0, o = 0) =>
    c.twin.process.mmap(a, l, p, f, fd, o),
  );
}

function setLimit({ twin, random }: Caller): Step {
  const resource = pick(random, [RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK, RLIMIT_AS]);
  const { dataVm, totalVm } = twin.process.layout();
  const base = resource === RLIMIT_DATA ? dataVm : resource === RLIMIT_AS ? totalVm : 0;
  const soft = pick(random, [Infinity, 0, (base + random(30)) * P, (base + random(300)) * P + 1]);
  // The hard limit stays: to raise it takes rights that nobody has.
  const at = twin.kernel.poke(0, Buffer.alloc(16));
  twin.kernel.call('prlimit64', 0, resource, 0, at);
  const limits = twin.kernel.peek(0, 16);
  limits.writeBigUInt64LE(soft === Infinity ? limits.readBigUInt64LE(8) : BigInt(soft));
  const kernel = Number(twin.kernel.call('prlimit64', 0, resource, twin.kernel.poke(0, limits), 0));
  const [now, hard] = [bytesOf(limits.readBigUInt64LE(0)), bytesOf(limits.readBigUInt64LE(8))];
  const engine = now > hard ? -EINVAL_CODE : twin.process.setRlimit(resource, { soft: now, hard });
  return { call: `setrlimit ${resource} ${soft}`, kernel, engine };
}

/** All ones is no limit. */
const bytesOf = (limit: bigint): number => (limit === 2n ** 64n - 1n ? Infinity : Number(limit));
const EINVAL_CODE = 22;

function store({ twin, random }: Caller): Step {
  const at = addr(random);
  const { signal, code } = twin.kernel.store(at, 1);
  const kernel =
    signal === 0
      ? 'done'
      : signal === 7
        ? 'BUS_ADRERR'
        : code === 2
          ? 'SEGV_ACCERR'
          : 'SEGV_MAPERR';
  return { call: `store ${at.toString(16)}`, kernel, engine: twin.process.touch(at, 'write') };
}

function personality({ twin, random }: Caller): Step {
  const persona = pick(random, [0x0040000, 0x0440000]);
  twin.kernel.call('personality', persona);
  twin.process.setPersonality(persona);
  return { call: `personality ${persona.toString(16)}`, kernel: 0, engine: 0 };
}

function rarely(make: Maker): Maker {
  return (caller) => (caller.random(10) === 0 ? make(caller) : store(caller));
}

function runProgram(seed: number): void {
  const random = randomOf(seed * 7919);
  const twin = Twin.start({ uid: seed % 3 === 0 || !isRoot() ? 0 : NOBODY });
  const caller = { twin, random, brk: twin.process.layout().brk };
  const steps: string[] = [];
  try {
    for (let i = 0; i < CALLS; i++) {
      const step = pick(random, MAKERS)(caller);
      steps.push(`${step.call} => ${step.kernel}`);
      const repeat = `SEED=${seed} RUNS=1 npx vitest run test/live/limits.test.ts`;
      const context = `${repeat}\n${steps.slice(-6).join('\n')}`;
      expect(difference(twin, step), context).toBeNull();
      twin.process.verify();
    }
  } finally {
    twin.stop();
  }
}

describe('calls under limits, against the live kernel', () => {
  it.skipIf(reason !== undefined)(
    `X-16 agrees on every result, VMA and total; SEED=${FIRST_SEED}${reason === undefined ? '' : `; skipped: ${reason}`}`,
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) runProgram(seed);
    },
  );
});
