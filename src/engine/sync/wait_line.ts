/**
 * Who waits for which lock, in which order: each worker writes it down in its own lines, so there
 * is no list to mend when one of them gives up, or is no more.
 *
 *   C_WAITS_FOR  C_WAIT_TICKET  C_WAIT_MODE   the lock, when it came, and what for
 *   C_WAKE                                    moves when it should look again, and is slept on
 *
 * Only who has to wait, or to wake, looks at the lines of all workers.
 */
import * as atomics from '#atomics';
import { type Cpu, cpuOf, cpusSeen, thisCpu } from '../arena/cpu.ts';
import { C_WAIT_MODE, C_WAIT_TICKET, C_WAITS_FOR, C_WAKE, H_TICKETS } from '../arena/layout.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import type { LockMode } from './held_locks.ts';

/** This worker stands in line for a lock. */
export function joinLine(lock: WordAt, mode: LockMode): void {
  atomics.store(thisCpu + C_WAIT_MODE, mode);
  atomics.store(thisCpu + C_WAIT_TICKET, atomics.add(H_TICKETS, 1));
  atomics.store(thisCpu + C_WAITS_FOR, lock);
}

/** It does no longer, or never will. */
export const leaveLine = (cpu: Cpu): void => atomics.store(cpu + C_WAITS_FOR, NULL);

/** What a worker waits for, or NULL. */
export const waitsFor = (cpu: Cpu): WordAt => atomics.load(cpu + C_WAITS_FOR);

export const waitMode = (cpu: Cpu): LockMode => atomics.load(cpu + C_WAIT_MODE) as LockMode;

/** @returns who came first, or NULL. */
export function headOfLine(lock: WordAt): Cpu | Null {
  let head: Cpu | Null = NULL;
  for (const cpu of lineOf(lock)) if (head === NULL || isBefore(cpu, head)) head = cpu;
  return head;
}

/** All who wait for it. */
export function lineOf(lock: WordAt): Cpu[] {
  const line: Cpu[] = [];
  for (let id = 0; id < cpusSeen(); id++) if (waitsFor(cpuOf(id)) === lock) line.push(cpuOf(id));
  return line;
}

const isBefore = (a: Cpu, b: Cpu): boolean =>
  ((atomics.load(a + C_WAIT_TICKET) - atomics.load(b + C_WAIT_TICKET)) | 0) < 0;

/** Makes a worker look again. */
export function wakeInLine(cpu: Cpu): void {
  atomics.add(cpu + C_WAKE, 1);
  atomics.wakeAll(cpu + C_WAKE);
}

/** What this worker reads before it looks, and then sleeps on. */
export const wakeEpoch = (): number => atomics.load(thisCpu + C_WAKE);
export const sleepInLine = (epoch: number): void => atomics.wait(thisCpu + C_WAKE, epoch);
