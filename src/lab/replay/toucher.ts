/** Guesses which pages a program wrote, for logs that do not come with page faults. */
import {
  hasFlag,
  isErr,
  REFUSED_ANON_VMA,
  REFUSED_BOTH_ANON_VMA,
  VM_MAYSHARE,
  VM_WRITE,
} from '../../index.ts';
import type { Outcome } from './judge.ts';
import type { Notes } from './notes.ts';
import type { CallStep } from './program.ts';
import { rangeOf, UNMODELLED } from './run_call.ts';

const GUESSED = REFUSED_ANON_VMA | REFUSED_BOTH_ANON_VMA;

/** Memory that becomes writable is taken to be written at once: that is what it is for. */
export class Toucher {
  readonly #notes: Notes;
  /** Off while the recording tells what was touched. */
  isOn = false;

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  /** Must follow the call at once: it reads why the call did not merge. */
  after(step: CallStep, { answer }: Outcome): void {
    if (!this.isOn || answer === UNMODELLED || isErr(answer)) return;
    const { process } = step.program;
    const { refusedLeft, refusedRight } = process.verdict();
    if (((refusedLeft | refusedRight) & GUESSED) !== 0) this.#notes.add('anon-merges');
    const written = writtenBy(step, answer);
    if (written === null) return;
    const vma = process.find(written);
    if (vma === null || vma.anonVma !== 0 || hasFlag(vma.flags, VM_MAYSHARE)) return;
    if (hasFlag(vma.flags, VM_WRITE)) process.touch(written, 'write');
  }
}

/** @returns an address in what the call has made, or null. */
function writtenBy({ call }: CallStep, answer: number): number | null {
  if (call.name === 'mmap') return answer;
  if (call.name === 'brk') return answer - 1;
  return call.name === 'mprotect' ? (rangeOf(call)?.start ?? null) : null;
}
