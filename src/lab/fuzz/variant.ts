/** Which form of a call an operation is: the words that decide which way the kernel goes. */
import * as face from '../../index.ts';
import { hasFlag, VM_GROWSDOWN, VM_MAYSHARE, type VmaInfo } from '../../index.ts';

export interface Operation {
  readonly name: string;
  /** Its arguments. */
  readonly words: readonly bigint[];
  /** "mremap fixed, shrinks" */
  readonly variant: string;
}

/** Reads an operation as a vector writes it. */
export function operationOf(text: string): Operation {
  const [name = '', ...rest] = text.split(' ');
  const words = rest.map((word) => (/^-?\w+$/u.test(word) ? wordOf(word) : 0n));
  const form = FORMS[name]?.(words) ?? '';
  return { name, words, variant: form === '' ? name : `${name} ${form}` };
}

/** Names, as of limits, have no number. */
function wordOf(word: string): bigint {
  const digits = word.replace(/^-/u, '');
  if (!/^(?:0x[\da-f]+|\d+)$/iu.test(digits)) return 0n;
  return BigInt.asUintN(64, digits === word ? BigInt(digits) : -BigInt(digits));
}

type Form = (words: readonly bigint[]) => string;

const FORMS: Readonly<Record<string, Form>> = {
  mmap: mmapForm,
  mprotect: ([, , prot = 0n]) => `prot ${prot > 15n ? 'odd' : prot}`,
  mremap: mremapForm,
  madvise: ([, , advice = 0n]) => adviceName(advice),
  mlock2: flagsForm,
  mseal: flagsForm,
  msync: flagsForm,
  mlockall: ([flags = 0n]) => `flags ${flags}`,
  mbind: ([, , mode = 0n]) => `mode ${mode}`,
  uffd: ([, , mode = 0n]) => `mode ${mode}`,
  rfp: ([, , prot = 0n]) => (prot === 0n ? '' : 'with prot'),
  brk: ([delta = 0n]) => (BigInt.asIntN(64, delta) < 0n ? 'down' : 'up'),
  fork: () => '',
};

function flagsForm([, , flags = 0n]: readonly bigint[]): string {
  return `flags ${flags}`;
}

const MAP_TYPES = ['no type', 'shared', 'private', 'validated'];

function mmapForm([addr = 0n, , , flags = 0n, file = 0n]: readonly bigint[]): string {
  const type = MAP_TYPES[Number(flags & 15n)] ?? 'odd type';
  const isAnonymous = (flags & BigInt(face.MAP_ANONYMOUS)) !== 0n;
  const of = isAnonymous ? 'anonymous' : `f${BigInt.asIntN(64, file)}`;
  return `${type} ${of}, ${placeOf(addr, Number(flags & 0x7fffffffn))}`;
}

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
