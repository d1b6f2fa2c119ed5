import type { SmapsVma } from './vmas.ts';
import { readOperation } from './words.ts';

/**
 * Which operations a recording leaves alone, because they would touch what the stub lives on, or
 * make the kernel fill page tables for a mapping of a terabyte.
 */
const TASK_SIZE = 0x7ffffffff000n;
const WRAP = 1n << 64n;
const STUB_ZONE = [0x300000n, 0x10000000n] as const;
const TOP_ZONE = [0x7ffff7ff7000n, TASK_SIZE] as const;
const LARGE = 4096n * 4096n;
const TOUCHED_MOST = 64n * 4096n;
const MINCORE_MOST = 4000n * 4096n;
const DEADLY_ADVICE = new Set([100n, 101n]); // HWPOISON and SOFT_OFFLINE break real memory
const CHEAP_ADVICE = new Set([0n, 1n, 2n, 10n, 11n, 16n, 17n]);

const MAP_FIXED_ANY = 0x100010n;
const MAP_LOCKED_POPULATE = 0xa000n;
const MREMAP_DESTINATION = 6n; // FIXED, DONTUNMAP

/** Operations that name no range. */
const WITHOUT_RANGE = new Set([
  'brk',
  'pwrite',
  'ftrunc',
  'punch',
  'addseals',
  'rlimit',
  'mdwe',
  'personality',
  'munlockall',
  'totals',
  'maps',
  'sweep',
  'fork',
  'thread',
  'exit',
]);

interface Span {
  readonly start: bigint;
  readonly end: bigint;
}

/** False for an operation that must not be run while these mappings exist. */
export function isSafe(operation: string, vmas: readonly SmapsVma[]): boolean {
  const { name, words: args } = readOperation(operation);
  const spans = spansOf(name, args);
  if (spans.some((one) => meetsZone(one) && !isRefusedAtOnce(name, args))) return false;
  if (name === 'madvise' && DEADLY_ADVICE.has(args[2] ?? 0n)) return false;
  if (name === 'mlockall') return vmas.every((vma) => vma.end - vma.start <= LARGE);
  if (touchesTooMuch(name, args)) return false;
  if (name === 'mremap' && populates(args, vmas)) return false;
  const large = vmas.some((vma) => vma.end - vma.start > LARGE && spans.some(meets(vma)));
  return !large || isCheap(name, args);
}

/** The ranges an operation may change or read, first pages rounded down, ends cut at 2^64. */
function spansOf(name: string, args: readonly bigint[]): Span[] {
  const [addr = 0n, len = 0n, third = 0n, flags = 0n, target = 0n] = args;
  if (WITHOUT_RANGE.has(name)) return [];
  if (name === 'mmap') return (flags & MAP_FIXED_ANY) === 0n ? [] : [span(addr, len)];
  if (name !== 'mremap') return [span(addr, len)];
  const source = span(addr, len > third ? len : third);
  return (flags & MREMAP_DESTINATION) === 0n ? [source] : [source, span(target, third)];
}

function span(addr: bigint, len: bigint): Span {
  const end = addr + len + 4095n;
  return { start: addr & ~4095n, end: end > WRAP ? WRAP : end & ~4095n };
}

function meetsZone({ start, end }: Span): boolean {
  return [STUB_ZONE, TOP_ZONE].some(([from, to]) => start < to && end > from);
}

function meets(vma: SmapsVma): (span: Span) => boolean {
  return ({ start, end }) => start < vma.end && end > vma.start;
}

/** True when the arguments alone make the kernel refuse, before it looks at any mapping. */
function isRefusedAtOnce(name: string, [addr = 0n, len = 0n]: readonly bigint[]): boolean {
  if (name === 'st' || name === 'ld' || name.startsWith('ml') || name === 'munlock') return false;
  if (name === 'rfp' || name.endsWith('uffd')) return false;
  if (addr % 4096n !== 0n && name !== 'mmap') return true;
  if (name === 'mmap' || name === 'munmap') return addr + len > TASK_SIZE;
  if (name.endsWith('mprotect') || name === 'madvise')
    return addr + len + 4095n >= WRAP && len > 4096n;
  return false;
}

function touchesTooMuch(name: string, args: readonly bigint[]): boolean {
  const [, len = 0n, third = 0n, flags = 0n] = args;
  if (name === 'st' || name === 'ld' || name.startsWith('mlock')) return len > TOUCHED_MOST;
  if (name === 'mincore') return len > MINCORE_MOST;
  if (name === 'madvise') return len > LARGE && third >= 20n && third <= 103n;
  if (name !== 'mmap') return false;
  return len > TOUCHED_MOST && len <= TASK_SIZE && (flags & MAP_LOCKED_POPULATE) !== 0n;
}

/** Locked memory is filled where it grows: a terabyte of it takes the machine down. */
function populates(args: readonly bigint[], vmas: readonly SmapsVma[]): boolean {
  const [addr = 0n, , newLen = 0n] = args;
  if (newLen <= TOUCHED_MOST) return false;
  const source = vmas.find((vma) => vma.start <= addr && addr < vma.end);
  return source?.vmFlags.split(' ').includes('lo') ?? false;
}

/** True when the operation costs little however large the mapping is. */
function isCheap(name: string, args: readonly bigint[]): boolean {
  if (name === 'madvise') return CHEAP_ADVICE.has(args[2] ?? 0n);
  return ['mmap', 'munmap', 'mprotect', 'pkeymprotect', 'mseal', 'st', 'ld'].includes(name);
}
