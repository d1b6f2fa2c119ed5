/**
 * VMAs with pages, spread over page tables, and what is left of them when some are taken apart.
 */
import type { MmWrite, Vma } from '../../src/engine/mm/held.ts';
import { mmapWriteLock } from '../../src/engine/mm/mmap_lock.ts';
import { vmaLookup } from '../../src/engine/mm/vma_iterator.ts';
import { vmAnonVmaChain, vmStart } from '../../src/engine/mm/vma_struct.ts';
import { NULL } from '../../src/engine/arena/ref.ts';
import { word } from '../../src/engine/arena/memory.ts';
import { walkLeaves } from '../../src/engine/page/walk.ts';
import {
  type EventName,
  Machine,
  type MachineImage,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  type TraceRecord,
} from '../../src/index.ts';
import { mmOf } from '../pictures.ts';
import { traced } from '../traced.ts';

/** Pages below one leaf table. */
export const TABLE = 512;
const BASE = 0x200000000000;

/** Bytes, of a page of the landscape. */
export const at = (page: number): number => BASE + page * PAGE_SIZE;
const pageAt = (addr: number): number => (addr - BASE) / PAGE_SIZE;

/** First page and number of pages. */
export type Plot = readonly [page: number, count: number];

/** What is left, by page numbers. */
export interface Remains {
  /** Pages that are present. */
  readonly pages: number[];
  /** VMAs that are in the reverse map, by their first page. */
  readonly linked: number[];
  /** Leaf tables, by their first page. */
  readonly tables: number[];
}

/** Every page of every plot has been written. */
export class Landscape implements Disposable {
  readonly machine: Machine;
  readonly process: Process;
  readonly #plots: readonly Plot[];
  readonly #image: MachineImage;

  constructor(plots: readonly Plot[]) {
    this.#plots = plots;
    this.machine = Machine.create({ bytes: 8 * 2 ** 20 });
    this.process = this.machine.spawn();
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    for (const [first, count] of plots) {
      const prot = PROT_READ | PROT_WRITE;
      this.process.mmap(at(first), count * PAGE_SIZE, prot, flags, -1, 0);
      for (let page = first; page < first + count; page++) this.process.store(at(page), page);
    }
    this.#image = this.machine.save();
  }

  /** Everything is as it was at first; nothing is locked. */
  again(): void {
    this.machine.restore(this.#image);
  }

  [Symbol.dispose](): void {
    this.again();
    this.process.exit();
    this.machine.tearDown();
  }

  lock(): MmWrite {
    return mmapWriteLock(mmOf(this.process));
  }

  vma(mm: MmWrite, page: number): Vma {
    const vma = vmaLookup(mm, at(page));
    if (vma === NULL) throw new Error(`no VMA at page ${page}`);
    return vma;
  }

  remains(mm: MmWrite): Remains {
    const pages: number[] = [];
    const tables: number[] = [];
    walkLeaves(mm, { start: 0, end: 2 ** 47 - PAGE_SIZE }, ({ start, first, last }) => {
      tables.push(Math.floor(pageAt(start) / TABLE) * TABLE);
      for (let entry = first; entry < last; entry++) {
        if (word(entry) !== 0) pages.push(pageAt(start) + (entry - first));
      }
    });
    return { pages, linked: this.#linked(mm), tables };
  }

  #linked(mm: MmWrite): number[] {
    return this.#plots
      .map(([first]) => vmaLookup(mm, at(first)))
      .filter((vma): vma is Vma => vma !== NULL && vmAnonVmaChain(vma) !== NULL)
      .map((vma) => pageAt(vmStart(vma)));
  }

  /** @returns what happens of these kinds meanwhile, without what differs from run to run. */
  traced(
    kinds: readonly EventName[],
    act: () => void,
  ): Pick<TraceRecord, 'event' | 'arg' | 'a' | 'b'>[] {
    const records = traced(this.machine, kinds, act);
    return records.map(({ event, arg, a, b }) => ({ event, arg, a, b }));
  }
}
