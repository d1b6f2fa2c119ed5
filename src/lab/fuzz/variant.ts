/** Which form of a call an operation is: the words that decide which way the kernel goes. */
import * as face from '../../index.ts';
import { hasFlag, VM_GROWSDOWN, VM_MAYSHARE, type VmaInfo } from '../../index.ts';
import { readOperation, type Words } from '../oracle/words.ts';

export interface Operation extends Words {
  /** "mremap fixed, shrinks" */
  readonly variant: string;
  /** Flags beyond the form, by name. */
  readonly flags: readonly string[];
}

/** Reads an operation as a vector writes it. */
export function operationOf(text: string): Operation {
  const { name, words } = readOperation(text);
  const form = FORMS[name]?.(words) ?? '';
  const flags = name === 'mmap' ? mmapFlags(Number(words[3] ?? 0n)) : [];
  return { name, words, variant: form === '' ? name : `${name} ${form}`, flags };
}

type Form = (words: readonly bigint[]) => string;

const FORMS: Readonly<Record<string, Form>> = {
  mmap: mmapForm,
  mprotect: ([, , prot = 0n]) => `prot ${upTo(7n, prot)}`,
  mremap: mremapForm,
  madvise: ([, , advice = 0n]) => adviceName(advice),
  mlock2: ([, , flags = 0n]) => `flags ${upTo(1n, flags)}`,
  mseal: ([, , flags = 0n]) => `flags ${upTo(0n, flags)}`,
  msync: ([, , flags = 0n]) => `flags ${upTo(7n, flags)}`,
  mlockall: ([flags = 0n]) => `flags ${upTo(7n, flags)}`,
  mbind: ([, , mode = 0n]) => `mode ${upTo(4n, mode)}`,
  uffd: ([, , mode = 0n]) => `mode ${upTo(7n, mode)}`,
  rfp: ([, , prot = 0n]) => (prot === 0n ? '' : 'with prot'),
  brk: ([delta = 0n]) => (BigInt.asIntN(64, delta) < 0n ? 'down' : 'up'),
};

/** What no flag or mode is, is all one. */
const upTo = (last: bigint, value: bigint): string => (value > last ? 'odd' : String(value));

const NOT_FLAGS = /_(?:ANONYMOUS|FIXED_NOREPLACE|HUGE_\w+)$/u;
const MAP_TYPES = new Map([
  [0n, 'no type'],
  [1n, 'shared'],
  [2n, 'private'],
  [3n, 'validated'],
  [8n, 'droppable'],
]);
const LAST_FILE = 9n;

function mmapForm([addr = 0n, , , flags = 0n, file = 0n]: readonly bigint[]): string {
  const type = MAP_TYPES.get(flags & 15n) ?? 'odd type';
  const isAnonymous = (flags & BigInt(face.MAP_ANONYMOUS)) !== 0n;
  const of = file > LAST_FILE ? 'no file' : `f${file}`;
  return `${type} ${isAnonymous ? 'anonymous' : of}, ${placeOf(addr, Number(flags & 0x7fffffffn))}`;
}

/** Those that are neither type nor place. */
const MAP_FLAGS = Object.entries(face).flatMap(([name, value]) =>
  name.startsWith('MAP_') && typeof value === 'number' && value > 0x10 && !NOT_FLAGS.test(name)
    ? [{ name: name.slice(4), value }]
    : [],
);

const mmapFlags = (flags: number): string[] =>
  MAP_FLAGS.filter(({ value }) => (flags & value) === value).map(({ name }) => name);

function placeOf(addr: bigint, flags: number): string {
  if ((flags & face.MAP_FIXED_NOREPLACE) !== 0) return 'no replace';
  if ((flags & face.MAP_FIXED) !== 0) return 'fixed';
  return addr === 0n ? 'anywhere' : 'hint';
}

function mremapForm([, oldLen = 0n, newLen = 0n, flags = 0n]: readonly bigint[]): string {
  const names = ['maymove', 'fixed', 'dontunmap'].filter((_, bit) => (flags >> BigInt(bit)) & 1n);
  const size = oldLen === 0n ? 'duplicates' : sizeChange(oldLen, newLen);
  return [names.join(' '), size].filter((part) => part !== '').join(', ');
}

function sizeChange(oldLen: bigint, newLen: bigint): string {
  if (oldLen === newLen) return 'same size';
  return oldLen > newLen ? 'shrinks' : 'grows';
}

const ADVICE = new Map(
  Object.entries(face).flatMap(([name, value]) =>
    name.startsWith('MADV_') && typeof value === 'number' ? [[BigInt(value), name.slice(5)]] : [],
  ),
);

const adviceName = (advice: bigint): string => ADVICE.get(advice) ?? 'unknown';

/** What is mapped at a place, in two words. */
export function backingOf(vma: VmaInfo | undefined): string {
  if (vma === undefined) return 'nothing';
  if (hasFlag(vma.flags, VM_GROWSDOWN)) return 'a stack';
  const sharing = hasFlag(vma.flags, VM_MAYSHARE) ? 'shared' : 'private';
  return `${sharing} ${vma.file === null ? 'memory' : 'file'}`;
}
