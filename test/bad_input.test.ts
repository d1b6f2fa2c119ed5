/**
 * What is not a word, and words that no program would pass: each argument of each call in turn. A
 * call never throws; what a register can hold gets the answer of the live kernel.
 */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNotLive } from '../src/lab/oracle/live_kernel.ts';
import {
  EINVAL,
  MADV_NORMAL,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MLOCK_ONFAULT,
  MREMAP_MAYMOVE,
  MS_ASYNC,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  TASK_SIZE,
  type Word,
} from '../src/index.ts';
import { Twin, type TwinWord } from './twin.ts';

const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const LEN = 4 * PAGE_SIZE;

type Name =
  | 'mmap'
  | 'munmap'
  | 'mprotect'
  | 'mremap'
  | 'madvise'
  | 'mlock'
  | 'mlock2'
  | 'munlock'
  | 'mseal'
  | 'msync'
  | 'remap_file_pages'
  | 'brk'
  | 'mlockall';

/** A call that is right, on four mapped pages at `at`. */
const RIGHT: readonly (readonly [Name, (at: number) => number[]])[] = [
  ['mmap', (at) => [at, LEN, RW, ANON | MAP_FIXED, -1, 0]],
  ['munmap', (at) => [at, LEN]],
  ['mprotect', (at) => [at, LEN, PROT_READ]],
  ['mremap', (at) => [at, LEN, PAGE_SIZE, MREMAP_MAYMOVE, 0]],
  ['madvise', (at) => [at, LEN, MADV_NORMAL]],
  ['mlock', (at) => [at, LEN]],
  ['mlock2', (at) => [at, LEN, MLOCK_ONFAULT]],
  ['munlock', (at) => [at, LEN]],
  ['mseal', (at) => [at, LEN, 0]],
  ['msync', (at) => [at, LEN, MS_ASYNC]],
  ['remap_file_pages', (at) => [at, LEN, 0, 0, 0]],
  ['brk', () => [0]],
  ['mlockall', () => [0]],
];

const NOT_WORDS: readonly unknown[] = [
  Number.NaN,
  1.5,
  -0.5,
  Infinity,
  -Infinity,
  2 ** 64,
  -(2 ** 63) - 2048,
  2n ** 64n,
  -(2n ** 63n) - 1n,
  '4096',
  '',
  null,
  undefined,
  true,
  {},
  [],
  [4096],
  Symbol('word'),
  () => 4096,
  new Date(0),
];

/** Words, and what each stands for in hexadecimal. */
const WORDS: readonly TwinWord[] = [
  0,
  1,
  4095,
  -1,
  -4096,
  -4097,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  TASK_SIZE,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  2n ** 53n + 1n,
  2n ** 62n + 4096n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 63n + 4096n,
  2n ** 64n - 1n,
  2n ** 64n - 4096n,
  2n ** 64n - 8192n,
];

/** Bits above a right argument: what is a C int loses them. */
const ABOVE: readonly bigint[] = [2n ** 32n, 2n ** 53n, 2n ** 62n, 2n ** 63n];

const show = (word: unknown): string =>
  typeof word === 'bigint' || typeof word === 'number' ? `0x${word.toString(16)}` : String(word);

function invoke(process: Process, name: Name, args: readonly Word[]): number {
  const method = name === 'remap_file_pages' ? 'remapFilePages' : name;
  return Number(Reflect.apply(process[method], process, args));
}

describe('what is not a word', () => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();

  it.each(RIGHT)('%s says EINVAL, and changes nothing', (name, right) => {
    process.mmap(BASE, LEN, RW, ANON | MAP_FIXED, -1, 0);
    const before = process.maps();
    const count = right(BASE).length;
    for (let place = 0; place < count; place++) {
      for (const word of NOT_WORDS) {
        const args = right(BASE).toSpliced(place, 1, word as number);
        // The last argument of mremap may be left out.
        if (name === 'mremap' && place === 4 && word === undefined) continue;
        expect(invoke(process, name, args), `${name} with ${show(word)} in place ${place}`).toBe(
          EINVAL,
        );
      }
    }
    expect(process.maps()).toBe(before);
    process.verify();
  });

  const others: readonly (readonly [string, (process: Process, word: Word) => number])[] = [
    ['pkeyMprotect', (each, word) => each.pkeyMprotect(BASE, LEN, RW, word)],
    ['mbind', (each, word) => each.mbind(BASE, word, 0, 0, 0)],
    ['mincore', (each, word) => each.mincore(word, LEN)],
    ['setAnonName', (each, word) => each.setAnonName(word, LEN, 'name')],
    ['setMdwe', (each, word) => each.setMdwe(word)],
  ];

  it.each(others)('%s says EINVAL', (_name, act) => {
    for (const word of NOT_WORDS) expect(act(process, word as Word), show(word)).toBe(EINVAL);
    process.verify();
  });

  it('a name that is not text, or not printable, is refused', () => {
    for (const name of [7, {}, undefined, true] as unknown[]) {
      expect(process.setAnonName(BASE, LEN, name as string)).toBeLessThan(0);
    }
    for (const name of ['\n', 'ü', 'a[b', 'a\0b', 'x'.repeat(80)]) {
      expect(process.setAnonName(BASE, LEN, name)).toBe(EINVAL);
    }
  });

  it('a touch of what is no address is a fault, and no look-up finds it', () => {
    for (const word of [...NOT_WORDS, ...WORDS.filter((each) => each !== BASE)]) {
      expect(process.touch(word as Word, 'read'), show(word)).toBe('SEGV_MAPERR');
      expect(process.touch(word as Word, 'write'), show(word)).toBe('SEGV_MAPERR');
      expect(process.find(word as number), show(word)).toBe(null);
    }
  });

  it('a limit is a number from 0, of a resource that there is', () => {
    const hard = Infinity;
    for (const resource of [-1, 16, 1.5, Number.NaN]) {
      expect(process.setRlimit(resource, { soft: 0, hard })).toBe(EINVAL);
    }
    for (const soft of [-1, Number.NaN]) expect(process.setRlimit(9, { soft, hard })).toBe(EINVAL);
    expect(process.setRlimit(9, { soft: 2, hard: 1 })).toBe(EINVAL);
    expect(process.setRlimit('9' as unknown as number, { soft: 0, hard })).toBe(EINVAL);
  });

  it('a program whose VMAs cannot be is refused, and the old one stays', () => {
    const before = process.maps();
    const flags = process.vmas()[0]?.flags;
    if (flags === undefined) throw new Error('nothing is mapped');
    const wrong = [
      { start: 1, end: 4096 },
      { start: 4096, end: 4096 },
      { start: 8192, end: 4096 },
      { start: -4096, end: 0 },
      { start: 0, end: TASK_SIZE + 4096 },
      { start: Number.NaN, end: 4096 },
      { start: 0, end: Infinity },
      { start: 0.5, end: 4096 },
    ];
    for (const range of wrong) {
      const result = process.exec({ vmas: [{ ...range, flags }], layout: {} });
      expect(result, `${range.start}-${range.end}`).toBe(EINVAL);
    }
    const overlapping = [
      { start: 4096, end: 12288, flags },
      { start: 8192, end: 16384, flags },
    ];
    expect(process.exec({ vmas: overlapping, layout: {} })).toBe(EINVAL);
    expect(process.exec({ vmas: [{ start: 4096, end: 8192, flags, fd: 99 }], layout: {} })).toBe(
      -9,
    );
    expect(process.maps()).toBe(before);
    process.verify();
  });

  afterAll(() => {
    process.exit();
    machine.tearDown();
  });
});

const reason = whyNotLive();

describe.skipIf(reason !== undefined)(
  `words that no program would pass${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let twin: Twin;

    // A fresh one for each: what one call locks must not make the next one's heap be filled.
    beforeEach(() => {
      twin = Twin.start();
    });

    afterEach(() => twin.stop());

    /** Makes the call on four fresh pages in both. */
    function compare(name: Name, args: readonly TwinWord[], where: string): void {
      const [theirs, ours] = twin.call(name, ...args);
      expect.soft(ours, `${name}(${args.map(show).join(', ')}), ${where}`).toBe(theirs);
    }

    it.each(RIGHT)('%s answers as the kernel does', (name, right) => {
      let at = BASE;
      const count = right(BASE).length;
      for (let place = 0; place < count; place++) {
        const valid = right(BASE)[place] ?? 0;
        for (const word of [
          ...WORDS,
          ...ABOVE.map((bits) => BigInt.asUintN(64, BigInt(valid)) + bits),
        ]) {
          if (word > 2n ** 64n - 1n) continue;
          // Everything is unmapped by then, for both alike.
          at += 16 * PAGE_SIZE;
          twin.call('mmap', at, LEN, RW, ANON | MAP_FIXED, -1, 0);
          const args: TwinWord[] = right(at);
          args[place] = place === 0 && word === BigInt(valid) ? at : word;
          compare(name, args, `place ${place}`);
          twin.call('munmap', at, LEN);
        }
      }
      const [theirs, ours] = twin.maps();
      expect(ours).toBe(theirs);
    });
  },
);
