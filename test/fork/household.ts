/**
 * A process that has one of everything a fork treats in its own way, and what its relatives may not
 * have changed of it.
 */
import { word } from '../../src/engine/arena/memory.ts';
import { NULL, type Null } from '../../src/engine/arena/ref.ts';
import { fileInode } from '../../src/engine/file/file_struct.ts';
import type { Mm, Vma } from '../../src/engine/mm/held.ts';
import { mmput } from '../../src/engine/mm/mm_refs.ts';
import { mmapReadLock, mmapReadUnlock } from '../../src/engine/mm/mmap_lock.ts';
import { mmlistNext } from '../../src/engine/mm/mmlist.ts';
import { eachVma } from '../../src/engine/mm/vma_iterator.ts';
import {
  VMA_CACHE,
  vmAnonVmaChain,
  vmFile,
  vmLockSeqAt,
  vmSharedRbAt,
} from '../../src/engine/mm/vma_struct.ts';
import {
  pageIndex,
  pageMapcount,
  pageMapping,
  pageOf,
  pageRefcount,
} from '../../src/engine/page/page_struct.ts';
import { isPtePresent, isPteSpecial, PTE_WRITE, ptePfn } from '../../src/engine/page/pte.ts';
import { walkLeaves } from '../../src/engine/page/walk.ts';
import {
  anonVmaActive,
  anonVmaChildren,
  avcAnonVma,
  avcOlder,
} from '../../src/engine/rmap/anon_vma_struct.ts';
import { iMmapWalk } from '../../src/engine/rmap/rmap_walk.ts';
import {
  type Driver,
  MADV_DONTFORK,
  MADV_GUARD_INSTALL,
  MADV_WIPEONFORK,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
  registerDriver,
  UFFD_FEATURE_EVENT_FORK,
  UFFDIO_REGISTER_MODE_MISSING,
  unregisterDriver,
  type VmOperations,
} from '../../src/index.ts';
import { mmOf } from '../pictures.ts';

export const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

export const page = (number: number): number => BASE + number * PAGE_SIZE;
export const pages = (count: number): number => count * PAGE_SIZE;

export class Household implements Disposable {
  readonly machine: Machine;
  readonly process: Process;
  readonly #driver: Driver;
  /** VMAs that the driver was told of, less those that it was told are gone. */
  opened = 0;
  closed = 0;
  /** What is done whenever the driver is told of a new VMA: in the middle of a fork. */
  onOpen: () => void = () => {};
  /** An address space that outlives its fork, with a reference. */
  #held: Mm | Null = NULL;

  constructor(protocol: Partial<Protocol> = {}) {
    const vmOps: VmOperations = {
      name: 'household',
      open: () => {
        this.opened++;
        this.onOpen();
      },
      close: () => void this.closed++,
    };
    this.#driver = {
      name: 'household',
      vmOperations: [vmOps],
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmOps = vmOps;
          return 0;
        },
      },
    };
    registerDriver(this.#driver);
    const sysctl = { mmap_min_addr: 4096, anon_vma_name: 1 };
    this.machine = Machine.create({ bytes: 8 * 2 ** 20, sysctl, protocol });
    this.process = this.machine.spawn();
    this.#furnish();
  }

  /** From the left: each VMA stands alone, and is the next one that a fork comes to. */
  #furnish(): void {
    const { machine, process } = this;
    const dev = machine.open({
      kind: 'driver',
      driver: 'household',
      path: '/dev/h',
      size: 2 ** 20,
    });
    const regular = machine.open({ kind: 'regular', path: '/r', size: 2 ** 20, writable: true });
    const memfd = machine.open({ kind: 'shmem', path: '/memfd:m', size: 2 ** 20, writable: true });
    process.mmap(page(0), pages(2), PROT_READ, MAP_SHARED | MAP_FIXED, dev, 0);
    process.mmap(page(4), pages(2), RW, ANON, -1, 0);
    process.mmap(page(10), pages(2), RW, ANON, -1, 0);
    process.madvise(page(10), pages(2), MADV_DONTFORK);
    process.mmap(page(20), pages(2), RW, MAP_PRIVATE | MAP_FIXED, regular, 0);
    process.mmap(page(30), pages(2), RW, MAP_SHARED | MAP_FIXED, memfd, 0);
    process.mmap(page(40), pages(2), RW, ANON, -1, 0);
    process.mmap(page(50), pages(2), RW, ANON | MAP_LOCKED, -1, 0);
    process.mmap(page(60), pages(4), RW, ANON, -1, 0);
    process.setAnonName(page(60), pages(4), 'named');
    process.mmap(page(600), pages(2), RW, ANON, -1, 0);
    process.mmap(page(700), pages(2), RW, ANON, -1, 0);
    for (const at of [4, 10, 20, 21, 30, 40, 60, 600, 700]) process.store(page(at), at);
    process.madvise(page(40), pages(2), MADV_WIPEONFORK);
    process.madvise(page(62), pages(1), MADV_GUARD_INSTALL);
    process.uffdApi(process.userfaultfd(0), UFFD_FEATURE_EVENT_FORK);
    process.uffdRegister(3, page(700), pages(2), UFFDIO_REGISTER_MODE_MISSING);
  }

  get vmaCount(): number {
    return this.process.mapCount();
  }

  /** Objects in use, and pages charged. */
  books(): Record<string, number> {
    const { caches, committedPages } = this.machine.report();
    const live = caches.map(({ name, words, live: count }) => [`${name} ${words}`, count] as const);
    return { ...Object.fromEntries(live), committedPages };
  }

  /** Keeps the address space that is being made whenever the driver hears of a new VMA. */
  holdNext(): void {
    this.onOpen = () => {
      this.onOpen = () => {};
      this.#held = mmlistNext(NULL);
    };
  }

  get held(): Mm {
    if (this.#held === NULL) throw new Error('no address space was held');
    return this.#held;
  }

  release(): void {
    mmput(this.held);
    this.#held = NULL;
  }

  [Symbol.dispose](): void {
    try {
      this.process.verify();
      this.process.exit();
      this.machine.tearDown();
    } finally {
      unregisterDriver(this.#driver.name);
    }
  }
}

/**
 * All of an address space that a relative's fork could damage: every word of its VMAs, who is in
 * the reverse map beside them, the counts of what they hold, every entry, and the pages.
 *
 * Not in it: sequences of locks; the shape of the reverse map's trees; the right to write of
 * private pages, and that one owns them alone: a fork takes both, and as in Linux a failure does
 * not bring them back.
 */
export function portrait(process: Process): string[] {
  const mm = mmOf(process);
  const reader = mmapReadLock(mm);
  const lines: string[] = [];
  for (const vma of eachVma(reader)) lines.push(...portraitOfVma(vma));
  walkLeaves(mm, { start: 0, end: 2 ** 47 - PAGE_SIZE }, ({ start, first, last }) => {
    for (let at = first; at < last; at++) {
      if (word(at) !== 0) lines.push(portraitOfEntry(start + (at - first) * PAGE_SIZE, word(at)));
    }
  });
  mmapReadUnlock(reader);
  return lines;
}

/** The sequence of its lock, and its node in the tree of its file. */
const isOutside = (vma: Vma, i: number): boolean =>
  vma + i === vmLockSeqAt(vma) || (vma + i >= vmSharedRbAt(vma) && i < 30);

function portraitOfVma(vma: Vma): string[] {
  const words = Array.from({ length: VMA_CACHE.words }, (_, i) =>
    isOutside(vma, i) ? '-' : word(vma + i),
  );
  const lines = [`vma ${vma} ${words.join(' ')}`];
  for (let avc = vmAnonVmaChain(vma); avc !== NULL; avc = avcOlder(avc)) {
    const anonVma = avcAnonVma(avc);
    const counts = `${anonVmaChildren(anonVma)} children ${anonVmaActive(anonVma)} active`;
    lines.push(`  anon_vma ${anonVma} ${counts}`);
  }
  const file = vmFile(vma);
  if (file === NULL) return lines;
  const mappers: number[] = [];
  iMmapWalk(fileInode(file), { first: 0, last: Infinity }, (each) => mappers.push(each) > 0);
  return [...lines, `  file ${wordsOf(file, 8)}, mapped by ${mappers.join(' ')}`];
}

function portraitOfEntry(addr: number, pte: number): string {
  const entry = `entry ${addr.toString(16)} ${pte & ~PTE_WRITE}`;
  if (!isPtePresent(pte) || isPteSpecial(pte)) return entry;
  const at = pageOf(ptePfn(pte));
  const counts = `${pageRefcount(at)} references ${pageMapcount(at)} entries`;
  return `${entry} page ${at} of ${pageMapping(at)} at ${pageIndex(at)}: ${counts}`;
}

const wordsOf = (at: number, count: number): string =>
  Array.from({ length: count }, (_, i) => word(at + i)).join(' ');
