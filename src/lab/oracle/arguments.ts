import { PAGE, type Places, type Range, hex, pageUp } from './place.ts';
import type { Profile } from './profiles.ts';
import type { Random } from './random.ts';

/** What choosing one operation's arguments needs. */
export interface Choice {
  readonly random: Random;
  readonly places: Places;
  readonly profile: Profile;
  /** Replace something by what the kernel refuses. */
  readonly bad: boolean;
  /** A value nothing else in the program has; low byte zero. */
  nextValue(): number;
}

const PROTECTIONS = { '3': 54, '5': 12, '0': 10, '7': 9, '2': 8, '1': 7 };
const ADVICE = weightTable(
  '0:43 4:35 17:25 11:24 10:21 2:20 1:19 16:18 19:18 13:14 12:14 14:13 18:13 3:12 23:11 20:11',
  '22:10 24:9 15:8 8:6 9:5',
);
const REMAP_FLAGS = { '3': 38, '1': 34, '5': 11, '0': 10, '7': 10 };
const EXTRA_FLAGS = [0x2000, 0x4000, 0x8000, 0x8000, 0x20000, 0x18000, 0x6000];
const ODD_FLAGS = [0x40, 0x80, 0x800, 0x1000, 0x80000, 0x100, 0x10000, 0x40000000, 0x200000];
const OFFSETS = [0, 0, 0x1000, 0x2000, 0x3000, 0x4000, 0x8000];
const BREAKS = [4096, 8192, 16384, -4096, -8192, 0, 4196, -3996, -8092, 16484];
const HUGE = [2n ** 40n, 2n ** 47n - 8192n, 2n ** 47n - 4096n, 2n ** 47n]
  .concat([2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 4096n, 2n ** 64n - 1n])
  .map(hex);
const FIXED = 0x10;
const NOREPLACE = 0x100000;

/** mmap addr len prot flags file off */
export function mmapArguments(choice: Choice): string[] {
  const { random, places, profile } = choice;
  const len = places.length();
  const noHint = random.chance(profile.noHint);
  const addr = noHint ? 0 : (farBelow(choice)?.addr ?? places.free(len));
  const fromFile = random.chance(profile.fromFile);
  const flags = mmapType(choice, fromFile) | (noHint ? 0 : placement(random)) | extras(random);
  const file = fromFile ? random.weighted(FILES) : '-1';
  const off = fromFile ? hex(random.pick(OFFSETS)) : '0x0';
  const args = [hex(addr), hex(len), random.weighted(PROTECTIONS), hex(flags), file, off];
  if (noHint && random.chance(0.02)) args[1] = random.pick(['0x200000', '0x400000', '0x201000']);
  return choice.bad ? spoilMmap(choice, args) : args;
}

/** Programs with stacks sometimes work at the distances that matter to stacks. */
function farBelow({ random, places, profile }: Choice): Range | undefined {
  return profile.growsDown > 0 && random.chance(0.12) ? places.below() : undefined;
}

const FILES = { 0: 25, 1: 8, 2: 8, 3: 9, 4: 9, 5: 9, 6: 8, 7: 10, 8: 8, 9: 10 };

function mmapType({ random, profile }: Choice, fromFile: boolean): number {
  if (fromFile) return random.pick([1, 1, 1, 1, 1, 2, 2, 3]);
  if (random.chance(0.18)) return 0x21;
  if (random.chance(profile.growsDown)) return 0x122;
  return random.chance(0.02) ? 0x28 : 0x22;
}

function placement(random: Random): number {
  if (random.chance(0.62)) return FIXED;
  return random.chance(0.45) ? NOREPLACE : 0;
}

function extras(random: Random): number {
  return random.chance(0.15) ? random.pick(EXTRA_FLAGS) : 0;
}

function spoilMmap({ random }: Choice, args: string[]): string[] {
  const flags = Number(args[3]);
  const spoiled = [...args];
  const kind = random.below(7);
  if (kind === 0) spoiled[0] = spoilAddress(random, args[0]);
  else if (kind === 1) spoiled[1] = random.pick(['0x0', '0x0', ...HUGE]);
  else if (kind === 2) spoiled[2] = random.pick(['8', '16', '33554435', '4080', '16777219', '255']);
  else if (kind === 3) spoiled[3] = hex((flags & ~0xf) | random.pick([0, 3, 8, 4, 0xa, 0xf]));
  else if (kind === 4) spoiled[3] = hex(flags | random.pick(ODD_FLAGS));
  else if (kind === 5) spoiled[4] = random.pick(['-1', '99', '2', '3', '6', '9']);
  else spoiled[5] = random.pick(['0x1', '0x200', '0x7ffffffffffff000', '0xfffffffffffff000']);
  return spoiled;
}

function spoilAddress(random: Random, addr = '0x0'): string {
  const near = [Number(addr) + 1, Number(addr) + 0x800, 0, PAGE, 0x800, 0x12345678].map(hex);
  return random.pick([...near, '0x7ffffffff000', '0x7fffffffe000', ...HUGE.slice(3)]);
}

/** addr len, of calls that take a range; `rest` follows. */
export function rangeArguments(choice: Choice, ...rest: string[]): string[] {
  const { random, places, bad } = choice;
  const { addr, len } = places.used();
  const args = [hex(addr), hex(len), ...rest];
  if (!bad) return args;
  const kind = random.below(4);
  if (kind === 0) args[0] = spoilAddress(random, args[0]);
  else if (kind === 1) args[0] = hex(addr + 1);
  else if (kind === 2) args[1] = random.pick(['0x0', hex(len - 1), hex(len + 1)]);
  else args[1] = random.pick(HUGE);
  return args;
}

/** mprotect addr len prot */
export function mprotectArguments(choice: Choice): string[] {
  const { random, bad } = choice;
  const prot = random.weighted({ ...PROTECTIONS, '3': 36, '1': 22 });
  if (!bad || random.chance(0.5)) return rangeArguments(choice, hex(Number(prot)));
  const odd = [0x8, 0x100, 0x1000000, 0x2000000, 0x3000000, 0x10, 0x80000000];
  return rangeArguments({ ...choice, bad: false }, hex(Number(prot) + random.pick(odd)));
}

/** madvise addr len advice */
export function madviseArguments(choice: Choice): string[] {
  const { random, profile, bad } = choice;
  if (random.chance(profile.guard))
    return rangeArguments(choice, random.pick(['102', '102', '103']));
  const odd = bad && random.chance(0.5);
  return rangeArguments(
    choice,
    odd ? random.pick(['77', '200', '-1', '5', '26']) : random.weighted(ADVICE),
  );
}

/** mremap addr oldlen newlen flags newaddr */
export function mremapArguments(choice: Choice): string[] {
  const { random, places, bad } = choice;
  const { addr, len } = places.used();
  const flags = Number(random.weighted(REMAP_FLAGS));
  const newLen = remapLength(random, len, flags);
  const moves = (flags & 2) !== 0 || (flags === 5 && random.chance(0.4));
  const target = moves ? hex(places.free(newLen)) : '0x0';
  const args = [hex(addr), hex(len), hex(newLen), String(flags), target];
  return bad ? spoilMremap(random, args) : args;
}

function remapLength(random: Random, len: number, flags: number): number {
  if ((flags & 4) !== 0 && random.chance(0.85)) return len;
  if (random.chance(0.35)) return len;
  if (random.chance(0.3)) return Math.max(PAGE, len - (1 + random.below(4)) * PAGE);
  return len + (1 + random.below(4)) * PAGE;
}

function spoilMremap(random: Random, args: string[]): string[] {
  const spoiled = [...args];
  const kind = random.below(7);
  if (kind === 0)
    spoiled[0] = random.pick([hex(Number(args[0]) + 1), spoilAddress(random, args[0])]);
  else if (kind === 1) spoiled[1] = random.pick(['0x0', '0x0', hex(Number(args[1]) + 1)]);
  else if (kind === 2) spoiled[2] = random.pick(['0x0', hex(Number(args[2]) - 1), ...HUGE]);
  else if (kind === 3) spoiled[3] = random.pick(['2', '4', '6', '8', '15']);
  else if (kind === 4) spoiled[4] = random.pick([hex(Number(args[4]) + 1), '0x7', ...HUGE]);
  else if (kind === 5) spoiled[4] = hex(Number(args[0]) + random.pick([-PAGE, 0, PAGE]));
  else spoiled[1] = random.pick(HUGE);
  return spoiled;
}

/** st addr len value, with a value of its own */
export function storeArguments(choice: Choice): string[] {
  const { addr, len } = farBelow(choice) ?? choice.places.used();
  return [hex(addr), hex(pageUp(len)), hex(choice.nextValue())];
}

/** ld addr len */
export function loadArguments(choice: Choice): string[] {
  const { addr, len } = farBelow(choice) ?? choice.places.used();
  return [hex(addr), hex(pageUp(len))];
}

/** rfp addr len prot pgoff flags */
export function remapPagesArguments(choice: Choice): string[] {
  const { random } = choice;
  const prot = random.chance(0.8) ? '0' : '1';
  return rangeArguments(choice, prot, String(random.below(9)), random.chance(0.9) ? '0' : '65536');
}

/** pwrite file off value */
export function pwriteArguments(choice: Choice): string[] {
  const file = choice.random.pick([0, 1, 4]);
  return [String(file), hex(choice.random.below(8) * PAGE), hex(choice.nextValue())];
}

/** ftrunc file size */
export function ftruncArguments({ random }: Choice): string[] {
  const size = random.below(24) * PAGE + random.pick([0, 0, 0, 100]);
  return [String(random.pick([0, 1, 1, 4])), String(size)];
}

/** punch file off len */
export function punchArguments({ random }: Choice): string[] {
  const [off, len] = [random.below(8), 1 + random.below(4)].map((pages) => pages * PAGE);
  const odd = random.chance(0.2) ? 100 : 0;
  return [String(random.pick([0, 1, 4, 3, 2])), String((off ?? 0) + odd), String(len)];
}

/** addseals file bits */
export function sealArguments({ random }: Choice): string[] {
  return [String(random.pick([0, 1, 1, 4])), String(random.pick([1, 2, 4, 8, 16, 6, 32]))];
}

/** In pages: what a small program meets sooner or later. */
const LIMITS = { AS: 400, DATA: 300, STACK: 200, MEMLOCK: 300 };

/** rlimit name bytes */
export function rlimitArguments({ random }: Choice): string[] {
  const name = random.weighted({ AS: 3, DATA: 3, STACK: 1, MEMLOCK: 4 });
  // Locked memory stays limited: more of it than there is RAM takes the machine down.
  if (name !== 'MEMLOCK' && random.chance(0.25)) return [name, '-1'];
  return [name, hex(random.below(LIMITS[name]) * PAGE)];
}

/** brk delta */
export function brkArguments({ random }: Choice): string[] {
  return [String(random.pick(BREAKS))];
}

const TABLES = {
  mlock2: ['0', '1', '1', '1', '2'],
  mseal: ['0', '0', '0', '1'],
  msync: ['4', '4', '1', '2', '6', '5', '8'],
  mbind: ['0', '0', '1', '2', '4'],
  uffd: ['1', '1', '3', '3', '2', '0', '8'],
} as const;

/** addr len and one of a call's usual last arguments. */
export function tableArguments(choice: Choice, call: keyof typeof TABLES): string[] {
  return rangeArguments(choice, choice.random.pick(TABLES[call]));
}

/** Reads "key:weight key:weight ..." lines. */
function weightTable(...lines: string[]): Record<string, number> {
  const pairs = lines.flatMap((line) => line.split(' ')).map((pair) => pair.split(':'));
  return Object.fromEntries(pairs.map(([key = '', weight]) => [key, Number(weight)]));
}
