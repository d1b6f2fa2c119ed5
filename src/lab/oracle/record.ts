import { STUB_END, STUB_START } from './stub.ts';
import type { SubjectFiles } from './subject_files.ts';
import type { SmapsVma } from './vmas.ts';

/** One mapping in a record: start, end, perms, offset, backing, VmFlags, Anonymous, Locked. */
export type RecordVma = [string, string, string, string, string, string, number, number];

/** Addresses from here up belong to the process itself: vvar, vdso, stack, vsyscall. */
export const TOP_START = 0x7ffff7ff7000n;
const NOT_COMPARED = -1;

/** True for what was mapped before the first operation, the heap excepted. */
export function isBase(vma: SmapsVma): boolean {
  return vma.path !== '[heap]' && (vma.end <= BigInt(STUB_END) ? isStub(vma) : isTop(vma));
}

function isStub(vma: SmapsVma): boolean {
  return vma.start === BigInt(STUB_START) || vma.start === 0x300000n;
}

function isTop(vma: SmapsVma): boolean {
  return vma.start >= TOP_START;
}

/** Gives shared anonymous objects their numbers, in order of appearance. */
export class BackingNames {
  readonly #files: SubjectFiles;
  readonly #objects = new Map<number, number>();

  constructor(files: SubjectFiles) {
    this.#files = files;
  }

  /** The backing of a mapping: "", "f3", "shm0", "[heap]", ... */
  name(vma: SmapsVma): string {
    if (vma.inode === 0) return vma.path;
    const file = this.#files.numbers.get(`${vma.dev} ${vma.inode}`);
    if (file !== undefined) return `f${file}`;
    if (vma.start === BigInt(STUB_START)) return '/oracle';
    return `shm${this.#objectNumber(vma.inode)}`;
  }

  #objectNumber(inode: number): number {
    const known = this.#objects.get(inode) ?? this.#objects.size;
    this.#objects.set(inode, known);
    return known;
  }
}

/** A mapping in the form of a record. */
export function recordVma(vma: SmapsVma, names: BackingNames): RecordVma {
  const compared = !isBase(vma) && vma.path !== '[heap]';
  return [
    vma.start.toString(16),
    vma.end.toString(16),
    vma.perms,
    vma.offset.toString(16),
    names.name(vma),
    vma.vmFlags,
    compared ? vma.anonymousKb : NOT_COMPARED,
    vma.lockedKb,
  ];
}
