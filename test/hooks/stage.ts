/** A machine with drivers of its own, one process, and what a refused mapping may not have changed. */
import { expect } from 'vitest';
import { HEAP_AT } from '../../src/engine/arena/layout.ts';
import { mmLockSeqAt, mmMmapLockAt } from '../../src/engine/mm/mm_struct.ts';
import type { Vma } from '../../src/engine/mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../../src/engine/mm/mmap_lock.ts';
import { eachVma } from '../../src/engine/mm/vma_iterator.ts';
import { STEP_NAMES } from '../../src/engine/trace/events.ts';
import {
  type CounterName,
  type Driver,
  type DriverFault,
  type FileSpec,
  Machine,
  type MachineImage,
  MAP_FIXED,
  MAP_SHARED,
  type Process,
  PROT_READ,
  type Protocol,
  registerDriver,
  takeDriverFaults,
  unregisterDriver,
} from '../../src/index.ts';
import { mmOf, PAGE, windowPicture } from '../pictures.ts';
import { traced } from '../traced.ts';

export const BASE = 0x200000000000;

export interface Mapping {
  readonly prot?: number;
  /** MAP_FIXED is always set. */
  readonly flags?: number;
  /** Pages; default: as the place is. */
  readonly pgoff?: number;
}

/** Everything a driver's test needs; the end of its block checks that nothing is left. */
export class Stage implements Disposable {
  readonly machine: Machine;
  readonly process: Process;
  readonly #drivers: readonly Driver[];

  constructor(drivers: readonly Driver[] = [], protocol: Partial<Protocol> = {}) {
    this.#drivers = drivers;
    for (const driver of drivers) registerDriver(driver);
    const sysctl = { mmap_min_addr: 4096 };
    this.machine = Machine.create({ bytes: 16 * 2 ** 20, sysctl, protocol });
    this.process = this.machine.spawn();
    takeDriverFaults();
  }

  open(driver: Driver, spec: Partial<FileSpec> = {}): number {
    const file = { kind: 'driver', driver: driver.name, path: `/${driver.name}` } as const;
    return this.machine.open({ ...file, size: 2 ** 20, writable: true, ...spec });
  }

  /** Maps `pages` pages at page `at` of the window. @returns the page, or an errno. */
  map(fd: number, at: number, pages: number, mapping: Mapping = {}): number {
    const { prot = PROT_READ, flags = MAP_SHARED, pgoff = at } = mapping;
    const fixed = flags | MAP_FIXED;
    const addr = this.process.mmap(BASE + at * PAGE, pages * PAGE, prot, fixed, fd, pgoff * PAGE);
    return addr < 0 ? addr : (addr - BASE) / PAGE;
  }

  unmap(at: number, pages: number): number {
    return this.process.munmap(BASE + at * PAGE, pages * PAGE);
  }

  picture(pages: number): string {
    return windowPicture(this.process, BASE, pages);
  }

  counter(name: CounterName): number {
    return this.machine.report().counters[name];
  }

  /** The steps of mmap() and the stores of the tree while `act` runs. */
  steps(act: () => void): string[] {
    return traced(this.machine, ['mmap_region', 'tree_store'], act).map(({ event, arg }) =>
      event === 'tree_store' ? 'store' : (STEP_NAMES[arg] ?? '?'),
    );
  }

  /** The VMAs themselves, for the engine's own accessors. */
  vmas(): Vma[] {
    const mm = mmapReadLock(mmOf(this.process));
    const vmas = [...eachVma(mm)];
    mmapReadUnlock(mm);
    return vmas;
  }

  /** Objects of every cache that are in use. */
  lives(): Record<string, number> {
    const { caches } = this.machine.report();
    return Object.fromEntries(caches.map(({ name, words, live }) => [`${name} ${words}`, live]));
  }

  allocations(): number {
    return this.machine.report().caches.reduce((sum, { allocs }) => sum + allocs, 0);
  }

  /** What a program and the kernel's books can see: VMAs, layout, charges, objects in use. */
  books(): object {
    const { committedPages } = this.machine.report();
    const { process } = this;
    return {
      vmas: process.vmas(),
      layout: process.layout(),
      lives: this.lives(),
      committedPages,
    };
  }

  /**
   * Indexes of the words of objects that differ from a saved state, but for mmap_lock and its
   * sequence: every call moves those.
   */
  changedWords(image: MachineImage): number[] {
    const now = this.machine.save().words;
    const mm = mmOf(this.process);
    const lock = mmMmapLockAt(mm);
    const sequence = mmLockSeqAt(mm);
    const changed: number[] = [];
    for (let at = HEAP_AT; at < Math.max(now.length, image.words.length); at++) {
      if (now[at] === image.words[at] || at === sequence) continue;
      if (at < lock || at >= lock + 8) changed.push(at);
    }
    return changed;
  }

  [Symbol.dispose](): void {
    this.process.verify();
    this.process.exit();
    this.machine.tearDown();
    for (const { name } of this.#drivers) unregisterDriver(name);
  }
}

/** Fails unless exactly these violations were reported; forgets them. */
export function expectFaults(...violations: readonly number[]): DriverFault[] {
  const faults = takeDriverFaults();
  expect(faults.map(({ violation }) => violation)).toEqual(violations);
  return faults;
}
