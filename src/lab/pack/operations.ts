/** Operations in words to operations in numbers. */
import { type Names, numberText, valueOf } from './value.ts';

type Kind =
  | 'addr'
  | 'number'
  | 'prot'
  | 'map'
  | 'mremap'
  | 'madvise'
  | 'msync'
  | 'mlock2'
  | 'mlockall'
  | 'mpol'
  | 'uffd'
  | 'seal'
  | 'mdwe'
  | 'personality'
  | 'file'
  | 'limit';

/** What the arguments of each operation are. */
const ARGUMENTS: Readonly<Record<string, readonly Kind[]>> = {
  mmap: ['addr', 'number', 'prot', 'map', 'file', 'number'],
  munmap: ['addr', 'number'],
  mprotect: ['addr', 'number', 'prot'],
  pkeymprotect: ['addr', 'number', 'prot', 'number'],
  mremap: ['addr', 'number', 'number', 'mremap', 'addr'],
  madvise: ['addr', 'number', 'madvise'],
  mlock: ['addr', 'number'],
  munlock: ['addr', 'number'],
  mlock2: ['addr', 'number', 'mlock2'],
  mlockall: ['mlockall'],
  munlockall: [],
  mseal: ['addr', 'number', 'number'],
  msync: ['addr', 'number', 'msync'],
  rfp: ['addr', 'number', 'prot', 'number', 'map'],
  mbind: ['addr', 'number', 'mpol'],
  mincore: ['addr', 'number'],
  brk: ['number'],
  uffd: ['addr', 'number', 'uffd'],
  unuffd: ['addr', 'number'],
  st: ['addr', 'number', 'number'],
  ld: ['addr', 'number'],
  sweep: [],
  ftrunc: ['file', 'number'],
  pwrite: ['file', 'number', 'number'],
  punch: ['file', 'number', 'number'],
  addseals: ['file', 'seal'],
  rlimit: ['limit', 'number'],
  mdwe: ['mdwe'],
  personality: ['personality'],
  fork: ['number'],
  thread: ['number'],
  exit: [],
  totals: [],
};

const FAMILIES: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  prot: ['PROT_'],
  map: ['MAP_'],
  mremap: ['MREMAP_'],
  madvise: ['MADV_'],
  msync: ['MS_'],
  mlock2: ['MLOCK_'],
  mlockall: ['MCL_'],
  mpol: ['MPOL_'],
  seal: ['F_SEAL_'],
  personality: [''],
};

const PROTECTIONS = { R: 1n, W: 2n, X: 4n, RW: 3n, RX: 5n, WX: 6n, RWX: 7n };
const OTHERS: Readonly<Partial<Record<Kind, Readonly<Record<string, bigint>>>>> = {
  prot: PROTECTIONS,
  uffd: { MISSING: 1n, WP: 2n, MINOR: 4n },
  mdwe: { REFUSE_EXEC_GAIN: 1n, NO_INHERIT: 2n },
  file: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`f${i}`, BigInt(i)])),
};

/** They break the memory of the machine itself, not only of a process. */
const DEADLY_ADVICE = new Set([100n, 101n]);

/** Operations that give no result to expect. */
export const WITHOUT_RESULT: readonly string[] = ['exit', 'sweep'];
/** Operations that succeed where nothing is said. */
export const SILENT: readonly string[] = [...WITHOUT_RESULT, 'fork', 'thread'];
/** What is expected of these is an entry for each page they touch. */
export const TOUCHING: readonly string[] = ['st', 'ld'];

/** @throws Error with a sentence for what is no operation. */
export function compileOperation(words: readonly string[], places: Names['places']): string {
  const [name = '', ...texts] = words;
  if (name === 'repeat') return compileRepeat(texts, places);
  const kinds = Object.hasOwn(ARGUMENTS, name) ? ARGUMENTS[name] : undefined;
  if (kinds === undefined) throw new Error(`no operation is called "${name}".`);
  if (texts.length !== kinds.length) {
    throw new Error(`${name} takes ${kinds.length} arguments, not ${texts.length}.`);
  }
  const args = kinds.map((kind, i) => compileArgument(texts[i] ?? '', kind, places));
  return [name, ...args].join(' ');
}

function compileArgument(text: string, kind: Kind, places: Names['places']): string {
  if (kind === 'limit') return limitName(text);
  const value = valueOf(text, {
    places: kind === 'addr' || kind === 'number' ? places : new Map(),
    families: FAMILIES[kind] ?? [],
    others: OTHERS[kind] ?? {},
  });
  if (kind === 'madvise' && DEADLY_ADVICE.has(BigInt.asUintN(32, value))) {
    throw new Error('this advice breaks the memory of the machine; no scenario may give it.');
  }
  return numberText(value);
}

/** The names of limits stay names: their numbers are not the same on every architecture. */
function limitName(text: string): string {
  if (/^[A-Z]+$/u.test(text)) return text;
  throw new Error(`a limit is a name such as AS, DATA or MEMLOCK, not "${text}".`);
}

function compileRepeat(texts: readonly string[], places: Names['places']): string {
  const [times = '', stride = '', ...words] = texts;
  const [name = ''] = words;
  const takesAddress = Object.hasOwn(ARGUMENTS, name) && ARGUMENTS[name]?.[0] === 'addr';
  if (!takesAddress || TOUCHING.includes(name)) {
    throw new Error('a repeat is of a call whose first argument is an address.');
  }
  if (!/^[1-9]\d*$/u.test(times)) throw new Error('a repeat says first how often, from 1.');
  const raise = numberText(valueOf(stride, { places, families: [] }));
  return `repeat ${times} ${raise} ${compileOperation(words, places)}`;
}
