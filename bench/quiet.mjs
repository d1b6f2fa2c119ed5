/**
 * One thread on one CPU, and how long it waited for it: for measurements of several workers, which
 * a machine with other programs falsifies most. Where there is no Linux, no taskset or no
 * schedstat, it says so and nothing is kept apart.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** Pins the calling thread. @returns whether that was possible. */
export function pinTo(cpu) {
  try {
    const tid = readlinkSync('/proc/thread-self').split('/').at(-1);
    execFileSync('taskset', ['-cp', String(cpu), tid], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** @returns nanoseconds that the calling thread has waited for a CPU so far, or null: not known. */
export function runDelay() {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]);
  } catch {
    return null;
  }
}

/** The share of its time that a thread may have waited, for what it measured to count. */
export const QUIET = 0.02;
