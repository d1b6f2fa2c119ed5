/** Random programs for two address spaces: ours and the page map; and how they are compared. */
import { Machine, type Process, vmFlagsText } from '../../src/index.ts';
import { type Area, type FileLook, KNOWN_ADVICE, PageMap } from './page_map.ts';
import { chargeOf } from './shared_object.ts';

const PAGE = 4096;
const BASE = 0x200000000;
const WINDOW = 48;
const TOP = BASE + WINDOW * PAGE;
const START_BRK = BASE + 20 * PAGE;

type CallName =
  | 'mmap'
  | 'munmap'
  | 'mprotect'
  | 'mremap'
  | 'brk'
  | 'madvise'
  | 'mlock'
  | 'mlock2'
  | 'munlock'
  | 'mseal'
  | 'read'
  | 'write'
  | 'fork';

export interface Call {
  readonly name: CallName;
  readonly args: readonly number[];
}

export const callText = ({ name, args }: Call): string =>
  `${name}(${args.map((arg) => (Math.abs(arg) > 255 ? `0x${arg.toString(16)}` : arg)).join(', ')})`;

/** A small generator, so that a seed means the same program everywhere. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Descriptors as the machine below opens them: 0 and 1 readable and writable, 2 read-only. */
const FDS = [0, 1, 2];

const WEIGHTS: readonly (readonly [CallName, number])[] = [
  ['mmap', 26],
  ['munmap', 8],
  ['mprotect', 14],
  ['mremap', 16],
  ['brk', 6],
  ['madvise', 10],
  ['mlock', 4],
  ['mlock2', 2],
  ['munlock', 3],
  ['mseal', 1],
  ['write', 12],
  ['read', 2],
  ['fork', 1],
];

export function randomProgram(seed: number, length: number): Call[] {
  const dice = new Dice(seed);
  const calls: Call[] = [];
  while (calls.length < length) {
    const call = randomCall(dice);
    if (call.name === 'fork' && calls.some(({ name }) => name === 'fork')) continue;
    calls.push(call);
  }
  return calls;
}

function randomCall(dice: Dice): Call {
  let left = dice.below(WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0));
  const [name] = WEIGHTS.find(([, weight]) => (left -= weight) < 0) ?? ['mmap'];
  const at = (): number => BASE + dice.below(WINDOW) * PAGE;
  const len = (): number => lengthOf(dice);
  switch (name) {
    case 'mmap':
      return { name, args: mmapArgs(dice) };
    case 'munmap':
      return { name, args: [at() + oddity(dice), len()] };
    case 'mprotect':
      return {
        name,
        args: [at() + oddity(dice), len(), dice.pick([0, 1, 1, 3, 3, 3, 5, 7, 2, 16])],
      };
    case 'mremap':
      return { name, args: mremapArgs(dice) };
    case 'brk':
      return { name, args: [START_BRK + dice.below(8) * PAGE + dice.pick([0, 0, 1, -1, 100])] };
    case 'madvise':
      return { name, args: [at() + oddity(dice), len(), dice.pick(KNOWN_ADVICE)] };
    case 'mlock':
    case 'munlock':
      return { name, args: [at() + dice.pick([0, 0, 7]), len()] };
    case 'mlock2':
      return { name, args: [at(), len(), 1] };
    case 'mseal':
      return { name, args: [at() + oddity(dice), dice.chance(70) ? PAGE : len(), 0] };
    case 'read':
    case 'write':
      return { name, args: [at() + dice.below(PAGE)] };
    case 'fork':
      return { name, args: [] };
  }
}

const oddity = (dice: Dice): number => (dice.chance(3) ? dice.pick([1, 100, -1]) : 0);

function lengthOf(dice: Dice): number {
  if (dice.chance(3)) return 0;
  const pages = 1 + dice.below(dice.chance(70) ? 4 : 12);
  return pages * PAGE - (dice.chance(8) ? dice.below(PAGE) : 0);
}

const FIXED = 0x10;
const NOREPLACE = 0x100000;

function mmapArgs(dice: Dice): number[] {
  const isFile = dice.chance(25);
  let flags = isFile ? dice.pick([1, 2]) : dice.pick([0x22, 0x22, 0x22, 0x22, 0x21, 0x28, 0x20]);
  flags |= dice.pick([FIXED, FIXED, FIXED, FIXED, NOREPLACE, 0, 0]);
  if (dice.chance(6)) flags |= 0x2000; // MAP_LOCKED
  if (dice.chance(6)) flags |= 0x8000; // MAP_POPULATE
  if (dice.chance(4)) flags |= 0x4000; // MAP_NORESERVE
  const isPlaced = (flags & (FIXED | NOREPLACE)) !== 0;
  const page = dice.below(WINDOW);
  const addr = isPlaced || dice.chance(40) ? BASE + page * PAGE + oddity(dice) : 0;
  // Often the file's pages continue where the neighbour's end.
  const offset = dice.chance(80) ? page * PAGE : dice.below(64) * PAGE;
  const prot = dice.pick([0, 1, 3, 3, 3, 3, 5]);
  return [addr, lengthOf(dice), prot, flags, isFile ? dice.pick([...FDS, 99]) : -1, offset];
}

function mremapArgs(dice: Dice): number[] {
  const flags = dice.pick([0, 1, 1, 1, 3, 3, 3, 3, 5, 5, 7, 2, 4, 8]);
  const oldLen = lengthOf(dice);
  const isSame = dice.chance(55);
  const newLen = isSame ? oldLen : lengthOf(dice);
  const to = dice.chance(10) ? 0 : BASE + dice.below(WINDOW + 16) * PAGE + oddity(dice);
  return [BASE + dice.below(WINDOW) * PAGE + oddity(dice), oldLen, newLen, flags, to];
}

/** What went wrong, or null. */
export interface Difference {
  readonly call: number;
  readonly what: string;
}

/** Runs a program in both, comparing after every call. `spoil` is a canary's, and must be seen. */
export function runProgram(
  calls: readonly Call[],
  spoil: (map: PageMap) => void = () => undefined,
): Difference | null {
  const machine = Machine.create({
    bytes: 16 * 2 ** 20,
    sysctl: { mmap_min_addr: 4096, stack_guard_gap: 256 },
  });
  const looks = new Map<number, FileLook>();
  for (const fd of FDS) {
    const isWritable = fd !== 2;
    const opened = machine.open({
      kind: 'regular',
      path: `/f${fd}`,
      size: 2 ** 40,
      writable: isWritable,
    });
    if (opened !== fd) return { call: -1, what: `open gave ${opened}` };
    looks.set(fd, { id: fd + 1, isWritable });
  }
  const pair = new Pair(machine, looks, spoil);
  for (const [i, call] of calls.entries()) {
    const what = pair.step(call);
    if (what !== null) return { call: i, what };
  }
  const what = pair.end();
  return what === null ? null : { call: calls.length, what };
}

class Pair {
  readonly #machine: Machine;
  readonly #all: { process: Process; map: PageMap }[] = [];
  readonly #spoil: (map: PageMap) => void;
  #process: Process;
  #map: PageMap;

  constructor(
    machine: Machine,
    looks: ReadonlyMap<number, FileLook>,
    spoil: (map: PageMap) => void,
  ) {
    this.#machine = machine;
    this.#spoil = spoil;
    this.#process = machine.spawn();
    const layout = { mmapBase: TOP, startBrk: START_BRK, brk: START_BRK };
    this.#process.setLayout(layout);
    this.#map = new PageMap({ top: TOP / PAGE, startBrk: START_BRK }, looks);
    this.#all.push({ process: this.#process, map: this.#map });
  }

  step(call: Call): string | null {
    let ours: number | string;
    let theirs: number | string;
    try {
      if (call.name === 'fork') return this.#fork();
      ours = perform(this.#process, call);
      theirs = perform(this.#map, call);
    } catch (error) {
      return String(error);
    }
    this.#spoil(this.#map);
    if (ours !== theirs) return `the result is ${ours}, not ${theirs}`;
    return this.#compare();
  }

  #fork(): string | null {
    const child = this.#process.fork();
    if (typeof child === 'number') return `fork gave ${child}`;
    this.#process = child;
    this.#map = this.#map.fork();
    this.#all.push({ process: child, map: this.#map });
    return this.#compare();
  }

  #compare(): string | null {
    const committed = this.#machine.report().committedPages;
    const charged = countCharged(this.#all.map(({ map }) => map));
    if (committed !== charged) return `${committed} pages are charged, not ${charged}`;
    const what = compare(this.#process, this.#map);
    if (what !== null) return what;
    try {
      this.#process.verify();
    } catch (error) {
      return String(error);
    }
    return null;
  }

  /** A parent is as its child left it; and nothing leaks. */
  end(): string | null {
    for (const { process, map } of this.#all) {
      const what = compare(process, map);
      if (what !== null) return `at the end: ${what}`;
    }
    try {
      for (const { process } of this.#all) process.exit();
      this.#machine.tearDown();
    } catch (error) {
      return String(error);
    }
    return null;
  }
}

/** What is marked as charged, and the whole of each shared object that is mapped somewhere. */
function countCharged(maps: readonly PageMap[]): number {
  let count = 0;
  const objects = new Set<number>();
  for (const map of maps) {
    for (const area of map.pages.values()) {
      if (area.flags.includes('ac ')) count++;
      if (objects.has(area.file)) continue;
      objects.add(area.file);
      const object = map.objects.get(area.file);
      if (object !== undefined) count += chargeOf(object);
    }
  }
  return count;
}

/** What ours and the page map are both asked. */
type Space = Readonly<Record<Exclude<CallName, 'read' | 'write' | 'fork'>, Operation>> & {
  touch(addr: number, access: 'read' | 'write'): number | string;
};
type Operation = (...args: readonly number[]) => number;

function perform(space: Space, { name, args }: Call): number | string {
  switch (name) {
    case 'read':
    case 'write':
      return space.touch(args[0] as number, name);
    case 'fork':
      return 'not here';
    default:
      return space[name](...args);
  }
}

const texts = new Map<number, string>();

function flagsText(flags: Parameters<typeof vmFlagsText>[0]): string {
  let text = texts.get(flags);
  if (text === undefined) {
    text = vmFlagsText(flags);
    texts.set(flags, text);
  }
  return text;
}

/** @returns the first page that differs, and how. */
function compare(process: Process, { pages, brkAt }: PageMap): string | null {
  const brk = process.layout().brk;
  if (brk !== brkAt) return `brk is ${brk}, not ${brkAt}`;
  const ids = { file: new Pairing(), anon: new Pairing(), vma: new Pairing() };
  let seen = 0;
  for (const [i, vma] of process.vmas().entries()) {
    const first = vma.start / PAGE;
    for (let page = first; page < vma.end / PAGE; page++) {
      const area = pages.get(page);
      const where = `page ${page - BASE / PAGE}`;
      if (area === undefined) return `${where} is mapped and should not be`;
      seen++;
      const ours = { flags: flagsText(vma.flags), pgoff: vma.pgoff + page - first };
      const theirs = { flags: area.flags, pgoff: area.slide + page };
      if (ours.flags !== theirs.flags) return `${where} has ${ours.flags}, not ${theirs.flags}`;
      if (ours.pgoff !== theirs.pgoff)
        return `${where} has offset ${ours.pgoff}, not ${theirs.pgoff}`;
      if (!ids.file.agree(vma.file?.id ?? 0, area.file)) return `${where} is of another file`;
      if (!ids.anon.agree(vma.anonVma, area.anon)) return `${where} has another anon_vma`;
      if (!ids.vma.agree(i + 1, area))
        return `${where} is in another VMA: ${boundaries(process, pages)}`;
    }
  }
  return seen === pages.size ? null : `${pages.size - seen} pages are not mapped and should be`;
}

function boundaries(process: Process, pages: ReadonlyMap<number, Area>): string {
  const ours = process
    .vmas()
    .map(({ start, end }) => `${(start - BASE) / PAGE}-${(end - BASE) / PAGE}`);
  const theirs: string[] = [];
  const numbers = [...pages.keys()].toSorted((a, b) => a - b);
  let from = numbers[0] ?? 0;
  for (const page of numbers) {
    const isLast = pages.get(page + 1) !== pages.get(page);
    if (isLast) theirs.push(`${from - BASE / PAGE}-${page + 1 - BASE / PAGE}`);
    if (isLast) from = numbers[numbers.indexOf(page) + 1] ?? 0;
  }
  return `\n  ours   ${ours.join(' ')}\n  theirs ${theirs.join(' ')}\n`;
}

/** Two namings of the same things: each name of one goes with one name of the other. */
class Pairing {
  readonly #there = new Map<unknown, unknown>([[0, 0]]);
  readonly #back = new Map<unknown, unknown>([[0, 0]]);

  agree(a: unknown, b: unknown): boolean {
    if (!this.#there.has(a) && !this.#back.has(b)) {
      this.#there.set(a, b);
      this.#back.set(b, a);
    }
    return this.#there.get(a) === b && this.#back.get(b) === a;
  }
}

/** Leaves out every call that the difference does not need. */
export function shrinkProgram(calls: readonly Call[]): Call[] {
  let small = [...calls];
  for (let i = small.length - 1; i >= 0; i--) {
    const without = small.toSpliced(i, 1);
    if (runProgram(without) !== null) small = without;
  }
  return small;
}
