/** The VMAs of a process beside those of a record. */
import {
  hasFlag,
  PAGE_SIZE,
  type PageStats,
  type Process,
  type VmaInfo,
  VM_EXEC,
  VM_MAYSHARE,
  VM_READ,
  VM_WRITE,
  vmFlagsText,
} from '../../index.ts';
import type { VectorRecord, VectorVma } from './vector.ts';
import type { VectorFiles } from './vector_files.ts';

/** A VMA and what is present of it. */
interface SeenVma {
  readonly vma: VmaInfo;
  readonly stats: PageStats | undefined;
}

/** How both sides differ, a line a VMA. */
export interface VmaDifference {
  readonly kind: 'vmas' | 'pages';
  readonly kernel: string;
  readonly engine: string;
}

export class VmaComparison {
  readonly #files: VectorFiles;
  readonly #shm = new SharedObjects();
  /** Where the VMAs of the base are, but for the heap. */
  readonly #base: readonly { readonly start: number; readonly end: number }[];

  constructor(base: VectorRecord, files: VectorFiles) {
    this.#files = files;
    this.#base = (base.vmas ?? [])
      .filter(([, , , , name]) => name !== '[heap]')
      .map(([start, end]) => ({ start: parseInt(start, 16), end: parseInt(end, 16) }));
  }

  /** The VMAs of a process, without those that were there before the first operation. */
  listed(process: Process): VmaInfo[] {
    return process.vmas().filter((vma) => !this.#isBase(vma));
  }

  /** How many of these are not the heap; counted without a list, as there may be 65,530. */
  count(process: Process): number {
    const { startBrk, brk } = process.layout();
    const heap = vmasIn(process, { start: startBrk, end: brk });
    const base = this.#base.flatMap((range) => vmasIn(process, range));
    return process.mapCount() - heap.length - base.filter((vma) => this.#isBase(vma)).length;
  }

  /** @returns null when the process has what the record lists. */
  difference(kernel: readonly VectorVma[], process: Process): VmaDifference | null {
    const stats = process.pageStats();
    const all = process.vmas().map((vma, i): SeenVma => ({ vma, stats: stats[i] }));
    const engine = all.filter(({ vma }) => !this.#isBase(vma));
    const isSame =
      engine.length === kernel.length &&
      kernel.every((expected, i) => this.#agrees(expected, engine[i]?.vma, process));
    if (isSame && kernel.every((expected, i) => agreesPages(expected, engine[i]))) return null;
    return {
      kind: isSame ? 'pages' : 'vmas',
      kernel: kernel.map(kernelLine).join('\n'),
      engine: engine.map((seen) => this.#engineLine(seen, process)).join('\n'),
    };
  }

  #agrees(expected: VectorVma, vma: VmaInfo | undefined, process: Process): boolean {
    if (vma === undefined) return false;
    const [start, end, perms, offset, backing, flags] = expected;
    return (
      vma.start === parseInt(start, 16) &&
      vma.end === parseInt(end, 16) &&
      permsOf(vma) === perms &&
      (vma.file?.offset ?? 0) === parseInt(offset, 16) &&
      vmFlagsText(vma.flags).trim() === flags &&
      this.#agreesBacking(backing, vma, process)
    );
  }

  #agreesBacking(backing: string, vma: VmaInfo, process: Process): boolean {
    if (vma.file !== null) {
      const number = this.#files.numberOf(vma.file.ino);
      return number === null ? this.#shm.isSame(backing, vma.file.ino) : backing === `f${number}`;
    }
    if (backing === '[heap]') return isHeap(vma, process.layout());
    return backing === (vma.name ?? '');
  }

  #isBase(vma: VmaInfo): boolean {
    return this.#base.some(({ start, end }) => vma.start >= start && vma.end <= end);
  }

  /** In the words of a record, so that only what differs is seen to differ. */
  #engineLine(seen: SeenVma, process: Process): string {
    const { vma } = seen;
    const range = `${vma.start.toString(16)}-${vma.end.toString(16)} ${permsOf(vma)}`;
    const offset = (vma.file?.offset ?? 0).toString(16);
    const isOfHeap = isHeap(vma, process.layout());
    const name = isOfHeap && vma.file === null ? '[heap]' : this.#backingOf(vma);
    const text = `${range} ${offset} ${vmFlagsText(vma.flags).trim()} ${name}`.trimEnd();
    return isOfHeap ? text : text + pagesText(anonymousKb(seen), lockedKb(seen));
  }

  #backingOf({ file, name }: VmaInfo): string {
    if (file === null) return name ?? '';
    const number = this.#files.numberOf(file.ino);
    return number === null ? (this.#shm.nameOf(file.ino) ?? file.path) : `f${number}`;
  }
}

/** Shared anonymous objects have other numbers here and there: each must stay itself. */
class SharedObjects {
  readonly #inos = new Map<string, number>();
  readonly #names = new Map<number, string>();

  nameOf(ino: number): string | undefined {
    return this.#names.get(ino);
  }

  isSame(name: string, ino: number): boolean {
    const knownIno = this.#inos.get(name) ?? ino;
    const knownName = this.#names.get(ino) ?? name;
    if (knownIno !== ino || knownName !== name) return false;
    this.#inos.set(name, ino);
    this.#names.set(ino, name);
    return true;
  }
}

/** Those that overlap a range. */
function vmasIn(process: Process, { start, end }: { start: number; end: number }): VmaInfo[] {
  const vmas: VmaInfo[] = [];
  for (let at = start; at < end;) {
    const vma = process.find(at);
    if (vma !== null) vmas.push(vma);
    at = vma?.end ?? at + PAGE_SIZE;
  }
  return vmas;
}

interface Heap {
  readonly startBrk: number;
  readonly brk: number;
}

function isHeap({ start, end }: VmaInfo, { startBrk, brk }: Heap): boolean {
  return start < brk && end > startBrk;
}

function permsOf({ flags }: VmaInfo): string {
  const r = hasFlag(flags, VM_READ) ? 'r' : '-';
  const w = hasFlag(flags, VM_WRITE) ? 'w' : '-';
  const x = hasFlag(flags, VM_EXEC) ? 'x' : '-';
  return r + w + x + (hasFlag(flags, VM_MAYSHARE) ? 's' : 'p');
}

const anonymousKb = ({ stats }: SeenVma): number => (stats?.anonymous ?? 0) / 1024;
const lockedKb = ({ stats }: SeenVma): number => Math.floor((stats?.locked ?? 0) / 1024);

/** The sizes of a record are -1 where nobody knows what was there before. */
function agreesPages(expected: VectorVma, seen: SeenVma | undefined): boolean {
  if (seen === undefined) return false;
  const [, , , , , , anonymous, locked] = expected;
  return anonymous === -1 || (anonymous === anonymousKb(seen) && locked === lockedKb(seen));
}

const pagesText = (anonymous: number, locked: number): string =>
  anonymous <= 0 && locked <= 0 ? '' : ` [Anonymous ${anonymous} kB, Locked ${locked} kB]`;

const kernelLine = ([start, end, perms, offset, name, flags, anon, locked]: VectorVma): string =>
  `${start}-${end} ${perms} ${offset} ${flags} ${name}`.trimEnd() + pagesText(anon, locked);
