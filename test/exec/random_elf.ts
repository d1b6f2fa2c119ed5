/** Programs at random: mostly nearly right, each with something odd. */
import type { Random } from '../../src/lab/oracle/random.ts';
import { type MadeElf, type MadePhdr, makeElf } from './elf_maker.ts';

const PAGE = 4096n;
const TASK_SIZE = 0x7ffffffff000n;
const PT_LOAD = 1;
const PT_INTERP = 3;
const ODD_TYPES = [0, 4, 5, 6, 7, 0x6474e550, 0x6474e552, 0x6474e553, 0x70000001];
const PT_GNU_STACK = 0x6474e551;
const ALIGNS = [0n, 1n, PAGE, 0x10000n, 0x200000n, 0x3000n, 1n << 40n, 1n << 63n];
const FAR = [
  0n,
  TASK_SIZE - PAGE,
  TASK_SIZE,
  TASK_SIZE - 0x21000n,
  0x7ffff7ff0000n,
  1n << 63n,
  -1n,
  -PAGE,
  1n << 47n,
  0x555555554000n,
];
const SIZES = [0n, 1n, TASK_SIZE, 1n << 63n, -1n, -PAGE, 1n << 30n, 0x8000000n];

/** Where the string of a PT_INTERP lies. */
const NAME_AT = 0x800;

export interface RandomElf {
  readonly bytes: Buffer;
  readonly story: string;
}

export function randomElf(random: Random, loaders: readonly string[]): RandomElf {
  const type = random.pick([2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 1, 4, 0]);
  const loads = randomLoads(random, type === 2);
  const phdrs: MadePhdr[] = [...loads];
  const strings: { at: number; text: string }[] = [];
  if (loaders.length > 0 && random.chance(0.4)) addInterp(random, loaders, { phdrs, strings });
  if (random.chance(0.5)) phdrs.push(plain(PT_GNU_STACK, random.below(8)));
  if (random.chance(0.1)) phdrs.push(plain(PT_GNU_STACK, random.below(8)));
  if (random.chance(0.3)) phdrs.unshift(plain(random.pick(ODD_TYPES), random.below(8)));
  const size = random.chance(0.1) ? random.below(0x1800) : 0x1000 * (1 + random.below(12));
  const first = loads[0]?.vaddr ?? 0n;
  const elf: MadeElf = {
    type,
    entry: random.chance(0.9) ? first + 0x100n : BigInt.asUintN(64, random.pick(FAR)),
    phdrs,
    size,
    strings,
    ...odd(random, phdrs.length),
  };
  const entry = BigInt.asUintN(64, elf.entry);
  const story = JSON.stringify({ ...elf, entry }, (_, value: unknown) =>
    typeof value === 'bigint' ? `0x${BigInt.asUintN(64, value).toString(16)}` : value,
  );
  return { bytes: makeElf({ ...elf, entry }), story };
}

const plain = (type: number, flags: number): MadePhdr => ({
  type,
  flags,
  offset: 0n,
  vaddr: 0n,
  filesz: 0n,
  memsz: 0n,
  align: 0n,
});

function odd(random: Random, count: number): Partial<MadeElf> {
  if (!random.chance(0.12)) return {};
  return random.pick<Partial<MadeElf>>([
    { magic: 0x7f454c47 },
    { machine: 183 },
    { elfClass: random.below(4) },
    { phentsize: random.pick([0, 55, 57, 32, 64]) },
    { phnum: random.pick([0, count + 1, count + 60, 1170, 1171, 65535]) },
    { phoff: random.pick([0n, 65n, 8n, 1n << 20n, 1n << 62n, (1n << 63n) + 64n, 4000n]) },
  ]);
}

function addInterp(
  random: Random,
  loaders: readonly string[],
  { phdrs, strings }: { phdrs: MadePhdr[]; strings: { at: number; text: string }[] },
): void {
  const name = random.pick(loaders);
  strings.push({ at: NAME_AT, text: `${name}\0` });
  const right = BigInt(name.length + 1);
  const filesz = random.chance(0.85)
    ? right
    : random.pick([0n, 1n, 2n, right - 1n, right + 1n, 4096n, 4097n, 1n << 40n]);
  const offset = random.chance(0.95) ? BigInt(NAME_AT) : random.pick([1n << 30n, 1n << 63n, 0n]);
  const interp = { ...plain(PT_INTERP, 4), offset, filesz, memsz: filesz };
  if (random.chance(0.5)) phdrs.unshift(interp);
  else phdrs.push(interp);
  if (random.chance(0.05)) phdrs.push(interp);
}

function randomLoads(random: Random, isFixed: boolean): MadePhdr[] {
  const count = random.chance(0.03) ? 0 : 1 + random.below(random.chance(0.05) ? 40 : 5);
  let next = isFixed ? random.pick([0x10000n, 0x400000n, 0x400000n, 0x1000n, 0x10000000n]) : 0n;
  if (!isFixed && random.chance(0.2)) next = PAGE * BigInt(random.below(64));
  const isTidy = random.chance(0.6);
  const loads: MadePhdr[] = [];
  for (let i = 0; i < count; i++) {
    const segment = randomLoad(random, next, isTidy);
    loads.push(segment);
    const end = segment.vaddr + segment.memsz;
    if (isTidy) next = (end + PAGE - 1n) & -PAGE;
    else if (random.chance(0.7)) next += PAGE * BigInt(random.below(8) - 2);
    if (next < 0n) next = 0n;
    if (isTidy && random.chance(0.3)) next += PAGE * BigInt(random.below(4));
  }
  return loads;
}

function randomLoad(random: Random, at: bigint, isTidy: boolean): MadePhdr {
  const skew = random.chance(0.5) ? 0n : BigInt(random.below(4096));
  const vaddr = at + skew;
  const page = BigInt(random.below(6));
  const filesz = random.chance(0.15) ? 0n : BigInt(1 + random.below(0x3000));
  const more = random.chance(0.5) ? 0n : BigInt(random.below(random.chance(0.5) ? 64 : 0x5000));
  const segment: MadePhdr = {
    type: PT_LOAD,
    flags: random.below(8),
    offset: page * PAGE + skew,
    vaddr,
    filesz,
    memsz: filesz + more,
    align: random.chance(0.85) ? PAGE : random.pick(ALIGNS),
  };
  return isTidy && random.chance(0.95) ? segment : spoil(random, segment);
}

function spoil(random: Random, segment: MadePhdr): MadePhdr {
  if (random.chance(0.5)) return segment;
  const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
  const near = BigInt(random.below(0x3000));
  return {
    ...segment,
    ...random.pick<Partial<MadePhdr>>([
      { vaddr: u64(random.pick(FAR)) },
      { vaddr: u64(random.pick(FAR) - near) },
      { offset: segment.offset + 1n },
      { offset: u64(random.pick([1n << 63n, -PAGE, 1n << 40n, 0x100000n])) },
      { filesz: segment.memsz + 1n + near },
      { filesz: u64(random.pick(SIZES)) },
      { memsz: u64(random.pick(SIZES)) },
      { memsz: u64(random.pick(SIZES)), filesz: u64(random.pick(SIZES)) },
      { memsz: 0n },
      { flags: random.below(2 ** 16) },
      { vaddr: u64(TASK_SIZE - segment.memsz) },
    ]),
  };
}
