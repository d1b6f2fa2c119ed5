/**
 * Guesses which pages a program has written, for logs that come without page faults.
 *
 * Written pages hinder merges: two neighbours that were written apart stay apart. Nothing in a log
 * shows it, and it is rare; so nothing is taken to be written - but before a fork everything, as a
 * child's heap does not grow together with what it inherits written.
 */
import { hasFlag, isErr, type Process, VM_MAYSHARE, VM_WRITE } from '../../index.ts';
import type { Outcome } from './judge.ts';
import type { Notes } from './notes.ts';
import type { CallStep } from './program.ts';
import { rangeOf, UNMODELLED } from './run_call.ts';

export class Toucher {
  readonly #notes: Notes;
  readonly #hasFaults: () => boolean;

  /** @param hasFaults whether the recording tells what was touched: then nothing is guessed. */
  constructor(notes: Notes, hasFaults: () => boolean) {
    this.#notes = notes;
    this.#hasFaults = hasFaults;
  }

  /** Counts the merges that written pages could have hindered. */
  after(step: CallStep, { answer }: Outcome): void {
    if (this.#hasFaults() || answer === UNMODELLED || isErr(answer)) return;
    const made = madeBy(step, answer);
    if (made === null) return;
    const vma = step.program.process.find(made.start);
    if (vma === null || hasFlag(vma.flags, VM_MAYSHARE)) return;
    const left = vma.start < made.start;
    const right = vma.end > made.end;
    // What is new is not written: it merges with either side, but hardly ties both together.
    if (step.call.name === 'mprotect' ? left || right : left && right)
      this.#notes.add('anon-merges');
  }

  /** A process that forks has written what it can. */
  beforeFork(process: Process): void {
    if (this.#hasFaults()) return;
    for (const { start, flags, anonVma } of process.vmas()) {
      const isPrivate = hasFlag(flags, VM_WRITE) && !hasFlag(flags, VM_MAYSHARE);
      if (isPrivate && anonVma === 0) process.touch(start, 'write');
    }
  }
}

/** @returns the range that a call has mapped or changed, when it may have merged. */
function madeBy({ call }: CallStep, answer: number): { start: number; end: number } | null {
  if (call.name === 'mprotect') return rangeOf(call);
  if (call.name !== 'mmap') return null;
  return { start: answer, end: answer + Math.ceil(Number(call.len) / 4096) * 4096 };
}
