/** What faults, system calls and the life of VMAs come to in every form, on one worker. */
import { expect } from 'vitest';
import { rcuReadLock, rcuReadUnlock } from '../../src/engine/rcu/rcu.ts';
import { claimCpu, type Cpu } from '../../src/engine/arena/cpu.ts';
import { H_RCU_EPOCH } from '../../src/engine/arena/layout.ts';
import { word } from '../../src/engine/arena/memory.ts';
import { vmAreaAlloc, vmAreaFree } from '../../src/engine/mm/vma_alloc.ts';
import type { VmaHidden } from '../../src/engine/mm/held.ts';
import { doMunmap } from '../../src/engine/vma/munmap.ts';
import {
  EEXIST,
  EINVAL,
  ENOENT,
  type Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  O_CLOEXEC,
  type Process,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  RLIMIT_AS,
  ENOMEM,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/index.ts';
import { asCpu } from '../cpus.ts';
import { made } from '../made.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { Canvas, PAGE, rangeOf, windowPicture } from '../pictures.ts';
import { traced } from '../traced.ts';
import { FORMS, type Form, machineOf, type Scenarios } from './forms.ts';

const BASE = 0x200000000000;
const at = (page: number): number => BASE + page * PAGE;
const RW = PROT_READ | PROT_WRITE;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

interface Home {
  readonly machine: Machine;
  readonly process: Process;
}

function inHome(form: Form, act: (home: Home) => void): void {
  const machine = machineOf(form);
  const process = machine.spawn();
  act({ machine, process });
  process.verify();
  process.exit();
  machine.tearDown();
}

const map = (process: Process, page: number, pages: number, prot = RW): number =>
  process.mmap(at(page), pages * PAGE, prot, FIXED, -1, 0);

/** Whether a freed VMA is used again before the readers who may have found it are gone. */
const reusesAtOnce = ({ vmaLock }: Form): boolean => vmaLock === 'refcnt' || vmaLock === 'typesafe';

const PAGES = 48;

/** Random calls, with what each gave: alike in every form. */
function story(form: Form): string[] {
  const lines: string[] = [];
  inHome(form, ({ process }) => {
    const random = new Random(20230109);
    const len = (): number => (1 + random.below(9)) * PAGE;
    const calls: (() => unknown)[] = [
      () => process.mmap(at(random.below(PAGES)), len(), random.below(8), FIXED, -1, 0),
      () => process.mmap(at(random.below(PAGES)), len(), RW, FIXED, -1, 0),
      () => process.munmap(at(random.below(PAGES)), len()),
      () => process.mprotect(at(random.below(PAGES)), len(), random.below(4)),
      () => process.mremap(at(random.below(PAGES)), 2 * PAGE, 2 * PAGE, 3, at(random.below(PAGES))),
      () => process.madvise(at(random.below(PAGES)), len(), 4),
      () => process.store(at(random.below(PAGES)), random.below(1000)),
      () => process.load(at(random.below(PAGES))),
      () => {
        const child = made(process.fork());
        const seen = [child.store(at(random.below(PAGES)), 7), child.load(at(random.below(PAGES)))];
        child.exit();
        return seen;
      },
    ];
    for (let i = 0; i < 1500; i++) lines.push(String(calls[random.below(calls.length)]?.()));
    lines.push(process.maps());
  });
  return lines;
}

const [DEFAULT = { vmaLock: 'refcnt', munmap: 'gather' }] = FORMS;

export const LIFE_SCENARIOS: Scenarios = {
  'S2-1 S2-18 P2-8 P2-14 a fault takes the lock of its VMA, and mmap_lock where there is none': (
    form,
  ) =>
    inHome(form, ({ machine, process }) => {
      map(process, 0, 9);
      process.touch(at(0), 'write'); // makes the anon_vma, under mmap_lock
      const before = machine.report().counters;
      for (let page = 1; page <= 8; page++) process.touch(at(page), 'write');
      const after = machine.report().counters;
      const faults = (name: keyof typeof after): number => after[name] - before[name];
      const hasLock = form.vmaLock !== 'off';
      expect(faults('vma_lock_success')).toBe(hasLock ? 8 : 0);
      expect(faults('mmap_read_lock')).toBe(hasLock ? 0 : 8);
      expect(faults('vma_lock_abort') + faults('vma_lock_retry')).toBe(0);
    }),

  'S2-1 a userfaultfd fills a page, and mmap_lock is free again': (form) =>
    inHome(form, ({ process }) => {
      const fd = process.userfaultfd(O_CLOEXEC);
      process.uffdApi(fd, 0);
      map(process, 0, 2);
      map(process, 4, 1);
      process.uffdRegister(fd, at(0), 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
      process.store(at(4), 77);
      expect(process.uffdCopy(fd, at(0), at(4), PAGE)).toBe(PAGE);
      expect(process.uffdCopy(fd, at(0), at(4), PAGE)).toBe(EEXIST);
      expect(process.uffdZeropage(fd, at(1), PAGE)).toBe(PAGE);
      expect(process.uffdCopy(fd, at(3), at(4), PAGE)).toBe(ENOENT);
      expect([process.load(at(0)), process.load(at(1))]).toEqual([77, 0]);
      expect(process.munmap(at(0), 2 * PAGE)).toBe(0);
    }),

  'S2-18 P2-14 the counters are in a text like that of vmstat, those of no lock are not': (form) =>
    inHome(form, ({ machine, process }) => {
      map(process, 0, 1);
      process.touch(at(0), 'write');
      const text = machine.vmstat();
      expect(text).toMatch(/^mmap_write_lock [1-9]\d*$/mu);
      expect(text).toMatch(/^mmap_read_lock \d+$/mu);
      const names = ['success', 'abort', 'retry', 'miss'].map((name) => `vma_lock_${name}`);
      const found = names.filter((name) => new RegExp(`^${name} \\d+$`, 'mu').test(text));
      expect(found).toEqual(form.vmaLock === 'off' ? [] : names);
    }),

  'S4-1 S4-12 S2-36 a freed VMA is used again at once, or after the readers of before': (form) => {
    using canvas = new Canvas('A', {}, machineOf(form));
    const vma = canvas.vma('A');
    rcuReadLock();
    doMunmap(canvas.mm, rangeOf('*'), 'keep');
    const next = Array.from({ length: 600 }, () => vmAreaAlloc(canvas.mm) as VmaHidden);
    rcuReadUnlock();
    expect(next.includes(vma as VmaHidden)).toBe(reusesAtOnce(form));
    for (const one of next) vmAreaFree(one);
  },

  'S2-43 S4-12 callbacks of 1000 mappings that come and go': (form) =>
    inHome(form, ({ machine, process }) => {
      const before = machine.report().counters;
      const periods = word(H_RCU_EPOCH);
      for (let i = 0; i < 1000; i++) {
        map(process, 0, 1);
        process.munmap(at(0), PAGE);
      }
      const after = machine.report().counters;
      // One grace period for each batch of 256, of VMAs and of nodes of the tree.
      expect(word(H_RCU_EPOCH) - periods).toBeLessThan(1000 / 50);
      const waited = after.vma_free_rcu - before.vma_free_rcu;
      const direct = after.vma_free_direct - before.vma_free_direct;
      expect([waited, direct]).toEqual(reusesAtOnce(form) ? [0, 1000] : [1000, 0]);
    }),

  'S2-42 P2-13 unmapping and exit wait for no reader': (form) =>
    inHome(form, ({ machine, process }) => {
      const other = made(process.fork());
      for (let page = 0; page < 2000; page += 2) map(other, page, 1);
      const reader = claimCpu() as Cpu;
      asCpu(reader, rcuReadLock);
      other.munmap(at(0), 1000 * PAGE);
      const before = machine.report().counters.vma_free_rcu;
      other.exit(); // would not return
      expect(machine.report().counters.vma_free_rcu).toBe(before);
      asCpu(reader, rcuReadUnlock);
    }),

  'S0-4 S0-8 S0-9 S0-17 S0-30 a replacement is one store, or two with nothing between': (form) =>
    inHome(form, ({ machine, process }) => {
      for (let page = 0; page < 4; page++) map(process, page, 1, page % 2 === 0 ? RW : PROT_READ);
      const stores = traced(machine, ['tree_store'], () =>
        map(process, 0, 4, PROT_READ | PROT_EXEC),
      );
      const isHole = stores.map(({ arg }) => arg === 0);
      expect(isHole).toEqual(form.munmap === 'gather' ? [false] : [true, false]);
      const unmapped = traced(machine, ['tree_store'], () => process.munmap(at(0), 4 * PAGE));
      expect(unmapped.map(({ arg }) => arg)).toEqual([0]);
    }),

  'S0-18 a replacement that merges to both sides': (form) =>
    inHome(form, ({ process }) => {
      map(process, 0, 6);
      process.mprotect(at(2), 2 * PAGE, PROT_READ);
      map(process, 2, 2);
      expect(windowPicture(process, BASE, 6)).toBe('AAAAAA');
    }),

  'S0-27 the limit of the address space does not count what is replaced': (form) =>
    inHome(form, ({ process }) => {
      map(process, 0, 4);
      process.store(at(3), 77);
      process.setRlimit(RLIMIT_AS, { soft: 4 * PAGE, hard: Infinity });
      expect(map(process, 0, 5)).toBe(ENOMEM);
      expect(process.load(at(3)), 'a refusal keeps what was there').toBe(77);
      expect(map(process, 0, 4, PROT_READ)).toBe(BASE);
    }),

  'S0-20 S0-22 S0-23a a driver that refuses: all is kept, or a hole': (form) =>
    inHome(form, ({ machine, process }) => {
      const path = '/secretmem (deleted)';
      const secret = machine.open({ kind: 'secretmem', path, size: 1 << 20, writable: true });
      map(process, 0, 4);
      const refused = process.mmap(at(1), 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, secret, 0);
      expect(refused).toBe(EINVAL);
      expect(windowPicture(process, BASE, 4)).toBe(form.munmap === 'gather' ? 'ABBC' : 'A..B');
    }),

  'S0-6 S2-13 1500 random calls give what they give by default': (form) => {
    expect(story(form)).toEqual(story(DEFAULT));
  },
};
