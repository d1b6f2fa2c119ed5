/**
 * Making a fork fail at a step of one's choice: some of the steps never fail by themselves, and
 * what comes after a failure there is to be seen too. The order is that of a fork of one VMA.
 */
import * as atomics from '#atomics';
import { H_FORK_FAILURE } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';

/** What a fork does with each VMA, and at its ends. Source: mm/mmap.c, dup_mmap(), v6.18. */
export const FORK_STEPS = [
  'lock', //     the parent's mmap_lock for write: a signal comes while it is waited for
  'tree', //     the parent's tree is copied
  'dontcopy', // a VMA that is not to be copied is cleared out of the child's tree
  'signal', //   a fatal signal is found pending
  'charge', //   the memory is charged
  'vma', //      the VMA is copied
  'policy', //   and its policy
  'uffd', //     its userfaultfd takes note
  'anon_vma', // its anon_vma
  'file', //     a reference to its file
  'store', //    the child's VMA takes the parent's place in the child's tree
  'open', //     the driver is told
  'pages', //    the page tables are copied
  'finish', //   what comes after the last VMA
] as const;

export type ForkStep = (typeof FORK_STEPS)[number];

const STEP = H_FORK_FAILURE; // number of the step, from 1
const AFTER = H_FORK_FAILURE + 1; // VMAs that pass it before

/** Which step fails, and how many VMAs pass it before one does. */
export interface ForkFailure {
  readonly step: ForkStep;
  after: number;
}

/** The next fork of any worker fails there; null takes it back. */
export function setForkFailure(failure: Readonly<ForkFailure> | null): void {
  if (failure !== null) setWord(AFTER, failure.after);
  atomics.store(STEP, failure === null ? 0 : FORK_STEPS.indexOf(failure.step) + 1);
}

/** @returns what was asked for, which is then done, or null. */
export function takeForkFailure(): ForkFailure | null {
  if (word(STEP) === 0) return null;
  const after = word(AFTER);
  const step = FORK_STEPS[atomics.exchange(STEP, 0) - 1];
  return step === undefined ? null : { step, after };
}
