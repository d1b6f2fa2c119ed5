/**
 * Address spaces as text: one character is a page, a letter a VMA, `.` a hole.
 *
 *   before  'AA*BB'     `*`: the range in question, where nothing is mapped
 *   range   '.**..'     or over VMAs, in a picture of its own
 *   after   'AAAAA'     A is the VMA that was A before; one that was not there is n, o, p, ...
 *
 * A Canvas is drawn at the vma floor, from page 0, with attributes that no system call would give;
 * windowPicture() prints what the public face sees.
 */
import { expect } from 'vitest';
import { fget } from '../src/engine/file/fd_table.ts';
import { fput } from '../src/engine/file/file_struct.ts';
import { GENERIC_FILE_VM_OPS, SHM_VM_OPS } from '../src/engine/file/vm_ops.ts';
import { addLockedVm, chargeMemory, vmStatAccount } from '../src/engine/mm/accounting.ts';
import type { Mm, MmWrite, Vma, VmaHidden } from '../src/engine/mm/held.ts';
import { mmMapCount } from '../src/engine/mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteLockNested, mmapWriteUnlock } from '../src/engine/mm/mmap_lock.ts';
import { setCurrent, type Task, taskMm } from '../src/engine/mm/task_struct.ts';
import { vmAreaAlloc } from '../src/engine/mm/vma_alloc.ts';
import { eachVma, vmaLookup } from '../src/engine/mm/vma_iterator.ts';
import { isWriteLocked } from '../src/engine/mm/vma_lock.ts';
import {
  flagsOf,
  hasFlag,
  VM_ACCOUNT,
  VM_LOCKED,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  type VmFlags,
} from '../src/engine/mm/vm_flags.ts';
import {
  type File,
  setVmAnonName,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmPolicy,
  setVmRange,
  setVmUserfaultfdCtx,
  type UserfaultfdCtx,
  vmAnonVma,
  vmEnd,
  vmFlags,
  vmPgoff,
  vmRefcntAt,
  vmStart,
} from '../src/engine/mm/vma_struct.ts';
import { word } from '../src/engine/arena/memory.ts';
import { anonVmaFork, anonVmaPrepare, dupAnonVma } from '../src/engine/rmap/anon_vma.ts';
import { type Text, textNew, textPut } from '../src/engine/slab/text.ts';
import { clearVerdict, readVerdict, type Verdict } from '../src/engine/trace/verdict.ts';
import { findTaskLocked } from '../src/engine/task/tasklist.ts';
import { insertVma } from '../src/engine/vma/link.ts';
import { verifyMm } from '../src/engine/vma/verify.ts';
import {
  type ByteRange,
  type VmaMerge,
  vmgForModify,
  vmgForNewRange,
} from '../src/engine/vma/vma_merge.ts';
import { Machine, type Process } from '../src/index.ts';

export const PAGE = 4096;

/** What the kernel's own VMA tests give every VMA. */
export const PLAIN = flagsOf(VM_READ, VM_WRITE, VM_MAYREAD, VM_MAYWRITE);

/** How a letter differs from plain anonymous memory that was mapped where it stands. */
export interface Look {
  readonly flags?: VmFlags;
  /** Pages; default: the first page's number. */
  readonly pgoff?: number;
  /** Its driver has a close hook. */
  readonly hasClose?: boolean;
  /** VMAs of one group have one anon_vma. */
  readonly anonVma?: string;
  /** Its anon_vma came by a fork from this group. */
  readonly forkedFrom?: string;
  /** A descriptor. */
  readonly fd?: number;
  readonly policy?: number;
  readonly uffdCtx?: number;
  readonly name?: string;
}

export type Looks = Readonly<Record<string, Look>>;

/** @returns the pages of the letters `which`, as bytes. */
export function rangeOf(picture: string, which = '*'): ByteRange {
  const first = picture.indexOf(which);
  if (first < 0) throw new Error(`There is no ${which} in ${picture}.`);
  return { start: first * PAGE, end: (picture.lastIndexOf(which) + 1) * PAGE };
}

/** An mm whose VMAs are letters. mmap_lock is held for write, anew after each relock(). */
export class Canvas implements Disposable {
  readonly machine: Machine;
  readonly process: Process;
  /** The picture it began with. */
  readonly drawn: string;
  readonly #stock: Process;
  readonly #groups = new Map<string, Vma>();
  readonly #letters = new Map<number, string>();
  readonly #names: Text[] = [];
  readonly #pages: number;
  #mm: MmWrite;
  #isOpen = true;

  constructor(
    picture: string,
    looks: Looks = {},
    machine = Machine.create({ bytes: 16 * 2 ** 20 }),
  ) {
    this.machine = machine;
    this.drawn = picture;
    this.#stock = machine.spawn();
    this.process = machine.spawn();
    setCurrent(taskOf(this.process));
    this.#pages = picture.length;
    this.#mm = mmapWriteLock(mmOf(this.process));
    for (const letter of new Set(picture)) {
      if (letter === '.' || letter === '*') continue;
      const vma = this.insert(rangeOf(picture, letter), looks[letter]);
      this.#letters.set(vma, letter);
    }
    this.relock();
  }

  get mm(): MmWrite {
    return this.#mm;
  }

  get mapCount(): number {
    return mmMapCount(this.#mm);
  }

  /** Ends every VMA write lock, as the end of a system call does. */
  relock(): void {
    this.#mm = mmapWriteLock(mmapWriteUnlock(this.#mm));
    clearVerdict();
  }

  /** The VMA of a letter that is still mapped. */
  vma(letter: string): Vma {
    for (const vma of eachVma(this.#mm)) if (this.#letterOf(vma) === letter) return vma;
    throw new Error(`${letter} is no longer mapped.`);
  }

  at(page: number): Vma {
    return vmaLookup(this.#mm, page * PAGE) as Vma;
  }

  /** What is mapped now. New VMAs become n, o, p, ... in address order and keep their letter. */
  picture(): string {
    const pages = Array.from({ length: this.#pages }, () => '.');
    for (const vma of eachVma(this.#mm)) {
      const last = Math.min(vmEnd(vma) / PAGE, this.#pages);
      pages.fill(this.#letterOf(vma), vmStart(vma) / PAGE, last);
    }
    return pages.join('');
  }

  /** Letters of the VMAs that are write-locked. */
  writeLocked(): string {
    const locked = [...eachVma(this.#mm)].filter((vma) => isWriteLocked(this.#mm, vma));
    return locked.map((vma) => this.#letterOf(vma)).join('');
  }

  /** A description of the range as a new mapping that looks like `look`. */
  newRange(range: ByteRange, look: Look = {}): VmaMerge {
    clearVerdict();
    const vmg = vmgForNewRange(this.#mm, {
      ...range,
      pgoff: look.pgoff ?? range.start / PAGE,
      flags: look.flags ?? PLAIN,
      file: look.fd === undefined ? 0 : fileOf(look.fd),
    });
    vmg.policy = look.policy ?? 0;
    vmg.uffdCtx = look.uffdCtx ?? 0;
    if (look.name !== undefined) {
      const name = textNew(look.name) as Text;
      this.#names.push(name);
      vmg.anonName = name;
    }
    return vmg;
  }

  /** A description of the range as a part of the VMA `letter` that takes other flags. */
  modify(letter: string, range: ByteRange, flags?: VmFlags): VmaMerge {
    clearVerdict();
    const vmg = vmgForModify(this.#mm, this.vma(letter), range);
    if (flags !== undefined) vmg.flags = flags;
    return vmg;
  }

  /** What the caller of a merge of a new range accounts for. */
  account(range: ByteRange, flags: VmFlags = PLAIN): void {
    vmStatAccount(this.#mm, flags, (range.end - range.start) / PAGE);
  }

  /** The handle of an anon_vma group, for comparing. */
  group(name: string): number {
    return vmAnonVma(this.#groupVma(name));
  }

  /** The file of a descriptor. */
  file(fd: number): File {
    return fileOf(fd);
  }

  verdict(): Verdict {
    return readVerdict();
  }

  /** Everything verifyMm() asks, and that every VMA is attached and without readers. */
  verify(): void {
    verifyMm(this.#mm);
    for (const vma of eachVma(this.#mm)) {
      expect(word(vmRefcntAt(vma)), `vm_refcnt of ${this.#letterOf(vma)}`).toBe(1);
    }
  }

  /** Ends it all: nothing may be left. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    mmapWriteUnlock(this.#mm);
    for (const name of this.#names) textPut(name);
    this.process.exit();
    this.#stock.exit();
    this.machine.tearDown();
  }

  #letterOf(vma: Vma): string {
    let letter = this.#letters.get(vma);
    if (letter === undefined) {
      const used = new Set(this.#letters.values());
      letter = [...'nopqrstuvwxyz'].find((free) => !used.has(free)) ?? '?';
      this.#letters.set(vma, letter);
    }
    return letter;
  }

  /** Puts a VMA of its own over a free range, and accounts for it. */
  insert({ start, end }: ByteRange, look: Look = {}): Vma {
    const vma = vmAreaAlloc(this.#mm) as VmaHidden;
    setVmRange(vma, start, end);
    setVmPgoff(vma, look.pgoff ?? start / PAGE);
    setVmFlags(vma, look.flags ?? PLAIN);
    setVmPolicy(vma, look.policy ?? 0);
    setVmUserfaultfdCtx(vma, (look.uffdCtx ?? 0) as UserfaultfdCtx | 0);
    if (look.name !== undefined) setVmAnonName(vma, textNew(look.name));
    if (look.hasClose) setVmOps(vma, SHM_VM_OPS);
    if (look.fd !== undefined) {
      setVmFile(vma, fget(look.fd));
      setVmOps(vma, GENERIC_FILE_VM_OPS);
    }
    if (look.anonVma !== undefined) dupAnonVma(vma, this.#groupVma(look.anonVma));
    if (look.forkedFrom !== undefined) anonVmaFork(vma, this.#groupVma(look.forkedFrom));
    const pages = (end - start) / PAGE;
    if (hasFlag(vmFlags(vma), VM_ACCOUNT)) expect(chargeMemory(this.#mm, pages)).toBe(0);
    if (hasFlag(vmFlags(vma), VM_LOCKED)) addLockedVm(this.#mm, pages);
    expect(insertVma(this.#mm, vma)).toBe(0);
    vmStatAccount(this.#mm, vmFlags(vma), pages);
    return vma;
  }

  /** A VMA of another process whose anon_vma is the group's. */
  #groupVma(name: string): Vma {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const stock = mmapWriteLockNested(mmOf(this.#stock));
    const vma = vmAreaAlloc(stock) as VmaHidden;
    const start = (1 + 2 * this.#groups.size) * PAGE; // never beside another
    setVmRange(vma, start, start + PAGE);
    setVmPgoff(vma, start / PAGE);
    setVmFlags(vma, PLAIN);
    insertVma(stock, vma);
    vmStatAccount(stock, PLAIN, 1);
    anonVmaPrepare(stock, vma);
    mmapWriteUnlock(stock);
    this.#groups.set(name, vma);
    return vma;
  }
}

/** A borrowed reference: the descriptor keeps the file open. */
function fileOf(fd: number): File {
  const file = fget(fd);
  if (file === 0) throw new Error(`There is no file ${fd}.`);
  fput(file);
  return file;
}

/** By its number, as another worker finds it. */
export const taskOf = (process: Process): Task => findTaskLocked(process.id) as Task;

export const mmOf = (process: Process): Mm => taskMm(taskOf(process)) as Mm;

/** Fails with the two pictures one above the other. */
export function expectPicture(actual: string, expected: string): void {
  expect(`\n${actual}\n`).toBe(`\n${expected}\n`);
}

/** `[start, end) pgoff`, in pages, of a VMA. */
export const placeOf = (vma: Vma): [start: number, end: number, pgoff: number] => [
  vmStart(vma) / PAGE,
  vmEnd(vma) / PAGE,
  vmPgoff(vma),
];

/** The VMAs of a process in a window of pages, as A, B, C, ... in address order. */
export function windowPicture(process: Process, base: number, pages: number): string {
  const picture = Array.from({ length: pages }, () => '.');
  let letter = 0;
  for (const { start, end } of process.vmas()) {
    const first = Math.max(0, (start - base) / PAGE);
    const last = Math.min(pages, (end - base) / PAGE);
    if (first >= last) continue;
    picture.fill(LETTERS[letter++ % LETTERS.length] ?? '?', first, last);
  }
  return picture.join('');
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
