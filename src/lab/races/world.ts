/**
 * What scenarios of the engine are made of: one process with mappings in a row, and calls as
 * operations. Places and lengths are pages, counted from START.
 */
import { NULL } from '../../engine/arena/ref.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import type { Mm } from '../../engine/mm/held.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import { type Task, taskMm } from '../../engine/mm/task_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import { findTaskLocked } from '../../engine/task/tasklist.ts';
import {
  type Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import type { Operation } from '../check/scenario.ts';

/** Bytes: where pages are counted from. */
export const START = 0x200000000000;
export const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
export const RO = PROT_READ;
export const RW = PROT_READ | PROT_WRITE;
export const RX = PROT_READ | PROT_EXEC;

/** The address of a page. */
export const at = (page: number): number => START + page * PAGE_SIZE;

export interface World {
  readonly machine: Machine;
  readonly process: Process;
  readonly mm: Mm;
  /** Descriptors that are open, to be closed at the end. */
  readonly files?: readonly number[];
  /** Says what is still owed, when all processes have ended and before the files are closed. */
  readonly owed?: () => string | null;
}

/** Some pages in a row. */
export interface Pages {
  readonly page: number;
  readonly count: number;
}

/**
 * A process in which each letter of `picture` is a page that is mapped with one right, so that
 * unlike letters do not merge, and `.` is a hole: 'AAAB.B'.
 */
export function worldOf(machine: Machine, picture: string): World {
  const process = machine.spawn();
  // What a first mapping takes from the arena is taken now: scenarios are about what comes after.
  for (const prot of [RO, RW, RO]) process.mmap(at(256), 3 * PAGE_SIZE, prot, FIXED, -1, 0);
  process.munmap(at(256), 3 * PAGE_SIZE);
  for (const { page, count, letter } of runsOf(picture)) {
    if (letter !== '.') process.mmap(at(page), count * PAGE_SIZE, protOf(letter), FIXED, -1, 0);
  }
  return { machine, process, mm: mmOf(process) };
}

export const mmOf = (process: Process): Mm => taskMm(findTaskLocked(process.id) as Task) as Mm;

const PROTS: Readonly<Record<string, number>> = { A: RO, B: RW, C: RX, D: 0, E: RW | RX };
const protOf = (letter: string): number => PROTS[letter] ?? RO;

function runsOf(picture: string): (Pages & { readonly letter: string })[] {
  return [...picture.matchAll(/(.)\1*/gu)].map((run) => ({
    page: run.index,
    count: run[0].length,
    letter: run[1] ?? '.',
  }));
}

// Calls.

export const mapFixed = ({ page, count }: Pages, prot: number): Operation<World> => ({
  name: `mmap(MAP_FIXED) ${page}-${page + count}`,
  run: ({ process }) => process.mmap(at(page), count * PAGE_SIZE, prot, FIXED, -1, 0),
});

export const unmap = ({ page, count }: Pages): Operation<World> => ({
  name: `munmap ${page}-${page + count}`,
  run: ({ process }) => process.munmap(at(page), count * PAGE_SIZE),
});

export const protect = ({ page, count }: Pages, prot: number): Operation<World> => ({
  name: `mprotect ${page}-${page + count}`,
  run: ({ process }) => process.mprotect(at(page), count * PAGE_SIZE, prot),
});

// Readers.

/** A lookup under RCU alone. @returns whether something is there. */
export const lookUp = (page: number): Operation<World> => ({
  name: `lookup ${page}`,
  run({ mm }) {
    rcuReadLock();
    const found = mtreeLoad(mmMt(mm), at(page));
    rcuReadUnlock();
    return found !== NULL;
  },
});
