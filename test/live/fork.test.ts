/** Forks that the live kernel refuses, and those it does not, beside ours. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Kernel } from '../../src/lab/oracle/kernel.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import {
  ENOMEM,
  MADV_DOFORK,
  MADV_DONTFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  OK,
  PAGE_SIZE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { Twin } from '../twin.ts';

const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const reason = whyNotLive();
/** Overcommitting by heuristic, which refuses one charge of more than there is, swap included. */
const isHeuristic = (): boolean =>
  readFileSync('/proc/sys/vm/overcommit_memory', 'latin1') === '0\n';
const why = reason ?? (isHeuristic() ? null : 'vm.overcommit_memory is not 0');

/** Three quarters of what one charge may be. */
function threeQuarters(): number {
  const text = readFileSync('/proc/meminfo', 'latin1');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`${name}: +(\\d+)`, 'u').exec(text)?.[1]);
  const all = (kilobytes('MemTotal') + kilobytes('SwapTotal')) * 1024;
  return Math.floor((all * 0.75) / PAGE_SIZE) * PAGE_SIZE;
}

describe.skipIf(why !== null)(`the live kernel's forks${why === null ? '' : `: ${why}`}`, () => {
  let twin: Twin;
  beforeEach(() => void (twin = Twin.start({ bytes: 64 * 2 ** 20 })));
  afterEach(() => twin.stop());

  /** Forks both, and ends both children. */
  function fork(): [theirs: number, ours: number] {
    const [theirs, ours] = [twin.kernel.fork(), twin.process.fork()];
    if (theirs instanceof Kernel) theirs.stop();
    if (typeof ours === 'object') endOf(ours);
    return [theirs, ours].map((each) => (typeof each === 'number' ? each : OK)) as [number, number];
  }

  function endOf(child: Process): void {
    child.verify();
    child.exit();
  }

  function both(result: number): [number, number] {
    return [result, result];
  }

  it('refuse a VMA whose charge no mmap could have had: two halves that have merged', () => {
    const half = threeQuarters();
    for (const at of [BASE, BASE + half]) {
      expect(twin.call('mmap', at, half, RW, ANON, -1, 0)).toEqual(both(at));
    }
    const before = twin.maps();
    expect(before[1]).toBe(before[0]);
    const committed = twin.machine.report().committedPages;
    expect(fork()).toEqual(both(ENOMEM));
    expect(twin.maps(), 'the parents are what they were').toEqual(before);
    expect(twin.machine.report().committedPages).toBe(committed);
    expect(twin.machine.report().warnings).toEqual([]);
  });

  it('refuse it no longer when it is split, or not to be copied', () => {
    const half = threeQuarters();
    for (const at of [BASE, BASE + half]) twin.call('mmap', at, half, RW, ANON, -1, 0);
    expect(fork()).toEqual(both(ENOMEM));
    expect(twin.call('madvise', BASE, half, MADV_DONTFORK)).toEqual(both(OK));
    expect(fork()).toEqual(both(OK));
    expect(twin.call('madvise', BASE, half, MADV_DOFORK)).toEqual(both(OK));
    expect(fork()).toEqual(both(ENOMEM));
    // Still charged as much, but in two VMAs.
    expect(twin.call('mprotect', BASE, half, PROT_READ)).toEqual(both(OK));
    expect(fork()).toEqual(both(OK));
    expect(twin.call('mprotect', BASE, half, RW)).toEqual(both(OK));
    expect(fork()).toEqual(both(ENOMEM));
  });

  it('do not ask for memory that was mapped without reserve', () => {
    const half = threeQuarters();
    for (const at of [BASE, BASE + half]) {
      const flags = ANON | MAP_NORESERVE;
      expect(twin.call('mmap', at, half, RW, flags, -1, 0)).toEqual(both(at));
    }
    expect(fork()).toEqual(both(OK));
  });

  it('are possible with as many VMAs as there may be', () => {
    const limit = Number(readFileSync('/proc/sys/vm/max_map_count', 'latin1'));
    const size = (limit + 2) * PAGE_SIZE;
    expect(twin.call('mmap', BASE, size, PROT_NONE, ANON, -1, 0)).toEqual(both(BASE));
    let results = both(OK);
    for (let at = BASE + PAGE_SIZE; results[0] === OK && results[1] === OK; at += 2 * PAGE_SIZE) {
      results = twin.call('mprotect', at, PAGE_SIZE, PROT_READ) as [number, number];
    }
    expect(results).toEqual(both(ENOMEM));
    expect(twin.process.mapCount()).toBeGreaterThan(limit - 3);
    expect(fork()).toEqual(both(OK));
  });
});
