/** Makes a call in the engine and compares its answer with the recorded one. */
import {
  EFAULT,
  EINVAL,
  ENOMEM,
  isErr,
  type Machine,
  MAP_32BIT,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PMD_SIZE,
  PR_SET_VMA,
  type Process,
  PROT_READ,
  PROT_WRITE,
  type Verdict,
} from '../../index.ts';
import type { FileWorld } from './openings.ts';
import type { Notes } from './notes.ts';
import type { CallStep } from './program.ts';
import {
  type Answer,
  isAnonymous,
  isFixed,
  rangeOf,
  runCall,
  type SpaceCall,
  UNMODELLED,
} from './run_call.ts';

/** What the engine made of a call. */
export interface Outcome {
  readonly answer: Answer;
  readonly agrees: boolean;
  /** Why the engine refused, or did not merge; of a call that does not agree. */
  readonly verdict: Verdict | null;
  /** VMAs afterwards. */
  readonly mapCount: number;
}

/** More holes than this are not filled for one call. */
const MOST_ASSUMED = 64;
/** Guesses about the time before the log that led nowhere, until no more are made. */
const MOST_FAILED = 8;
const PROT_READ_WRITE = PROT_READ | PROT_WRITE;
const RANDOM_32BIT = { low: 0x40000000, high: 0x42000000 };
const MREMAP_MAYMOVE_FIXED = MREMAP_MAYMOVE | MREMAP_FIXED;

export class Judge {
  readonly #machine: Machine;
  readonly #world: FileWorld;
  readonly #notes: Notes;
  /** The machine's descriptor of what was mapped before the log began. */
  #assumedFd = -1;
  #namesKnown = false;

  constructor(machine: Machine, world: FileWorld, notes: Notes) {
    this.#machine = machine;
    this.#world = world;
    this.#notes = notes;
  }

  /** Makes the call; what the answers teach about the machine or the time before is learned. */
  execute(step: CallStep): Outcome {
    const { program, call } = step;
    if (call.name === 'prctl' && call.option === PR_SET_VMA) this.#learnNames(step);
    let answer = runCall(program.process, call, step.fd);
    let verdict: Verdict | null = null;
    if (!agrees(step, answer)) {
      verdict = program.process.verdict();
      answer = this.#explain(step, answer);
    }
    return { answer, agrees: agrees(step, answer), verdict, mapCount: program.process.mapCount() };
  }

  /** Gives the engine the kernel's answer, so that later calls are judged on their own. */
  followKernel(step: CallStep, answer: Answer): void {
    const { program, call, wanted } = step;
    const { process } = program;
    if (answer === UNMODELLED || typeof wanted === 'bigint') return;
    if (call.name === 'brk') process.brk(wanted);
    if (call.name === 'mremap' && wanted > 0 && answer > 0) {
      process.mremap(answer, call.newSize, call.newSize, MREMAP_MAYMOVE_FIXED, wanted);
    }
    if (call.name !== 'mmap') return;
    if (answer > 0 && !isFixed(call.flags)) process.munmap(answer, call.len);
    if (wanted < 0) return;
    const flags = (Number(call.flags) & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
    process.mmap(wanted, call.len, call.prot, flags, step.fd, call.offset);
  }

  /** Keeps the place of what a call maps that the engine does not model. */
  occupy({ program, call, wanted }: CallStep): void {
    const { process } = program;
    if (typeof wanted === 'bigint' || wanted < 0) return;
    if (call.name === 'shmat') {
      const size = this.#world.shmSizes.get(call.shmid) ?? 0;
      if (size > 0) this.#assume(process, wanted, wanted + pages(size));
    } else if (call.name === 'shmdt') {
      const vma = process.find(Number(call.shmaddr));
      if (vma !== null) process.munmap(vma.start, vma.end - vma.start);
    } else if (call.name === 'map_shadow_stack') {
      this.#assume(process, wanted, wanted + pages(call.len));
    }
  }

  /** The answer to a prctl() that names memory tells whether the kernel can. */
  #learnNames(step: CallStep): void {
    if (step.wanted === EINVAL && !this.#namesKnown) this.#setNames(false);
    if (step.wanted === 0) this.#setNames(true);
  }

  #setNames(has: boolean): void {
    this.#machine.setSysctl('anon_vma_name', has ? 1 : 0);
    if (!has && this.#notes.count('no-anon-names') === 0) this.#notes.add('no-anon-names');
    this.#namesKnown ||= has;
  }

  #explain(step: CallStep, answer: Answer): Answer {
    if (answer === UNMODELLED || typeof step.wanted === 'bigint') return answer;
    const placed = this.#explainRandom(step, answer);
    if (agrees(step, placed)) return placed;
    const aligned = this.#explainAlignment(step, placed);
    if (agrees(step, aligned) || step.program.space.origin === 'recorded') return aligned;
    return this.#explainBeforeLog(step, aligned);
  }

  /** With MAP_32BIT the search begins at random somewhere in the first 32 MiB of its window. */
  #explainRandom(step: CallStep, answer: number): number {
    const { call, program, wanted } = step;
    if (call.name !== 'mmap' || answer < 0 || (Number(call.flags) & MAP_32BIT) === 0) return answer;
    if (isFixed(call.flags) || wanted < RANDOM_32BIT.low || wanted > RANDOM_32BIT.high)
      return answer;
    program.process.munmap(answer, call.len);
    const flags = Number(call.flags) | MAP_FIXED_NOREPLACE;
    const retried = program.process.mmap(wanted, call.len, call.prot, flags, step.fd, call.offset);
    if (retried === wanted) {
      this.#notes.add('random-32bit');
      return retried;
    }
    return this.#again(step, 0, step.fd);
  }

  /** Some file systems do not align large mappings; without huge pages nobody does. */
  #explainAlignment(step: CallStep, answer: number): number {
    const { call, fd, opening } = step;
    if (call.name !== 'mmap' || answer < 0 || step.wanted < 0 || isFixed(call.flags)) return answer;
    if (Number(call.len) < PMD_SIZE) return answer;
    if (isAnonymous(call.flags)) return this.#explainHugePages(step, answer);

    const path = opening?.path ?? '';
    if (opening === null || !this.#world.isAligned(path)) return answer;
    this.#world.setAligned(path, false);
    const unaligned = this.#world.openFor(opening, call, null);
    const retried = this.#again(step, answer, unaligned);
    if (retried === step.wanted) {
      opening.machineFd = unaligned;
      this.#notes.add('no-align');
      return retried;
    }
    this.#world.setAligned(path, true);
    step.fd = fd;
    return this.#again(step, retried, fd);
  }

  #explainHugePages(step: CallStep, answer: number): number {
    if (this.#machine.sysctl('transparent_hugepage') === 0) return answer;
    this.#machine.setSysctl('transparent_hugepage', 0);
    const retried = this.#again(step, answer, -1);
    if (retried === step.wanted) {
      this.#notes.add('no-thp');
      return retried;
    }
    this.#machine.setSysctl('transparent_hugepage', 1);
    return this.#again(step, retried, -1);
  }

  /** Takes a mapping away that went to the wrong place, and makes it again. */
  #again(step: CallStep, answer: number, fd: number): number {
    const { call, program } = step;
    if (call.name !== 'mmap') return answer;
    if (answer > 0) program.process.munmap(answer, call.len);
    step.fd = fd;
    const retried = runCall(program.process, call, fd);
    return retried === UNMODELLED ? answer : retried;
  }

  /** What was mapped before the log began shows when calls succeed where nothing is. */
  #explainBeforeLog(step: CallStep, answer: number): number {
    const { call } = step;
    if (call.name === 'mmap') return this.#explainPlace(step, answer);
    if (call.name === 'brk') return this.#explainBrk(step, answer);
    const range = rangeOf(call);
    const isMissing = answer === ENOMEM || answer === EFAULT || answer === EINVAL;
    if (step.wanted < 0 || !isMissing || range === null || isKnown(step, range.start))
      return answer;
    const filled = this.#fillHoles(step.program.process, range.start, range.end);
    if (filled === 0) return answer;
    this.#notes.add('assumed-mapped', filled);
    const retried = runCall(step.program.process, call, step.fd);
    return retried === UNMODELLED ? answer : retried;
  }

  #fillHoles(process: Process, start: number, end: number): number {
    let filled = 0;
    let at = start;
    for (const vma of process.vmas()) {
      if (vma.end <= at) continue;
      if (vma.start >= end || filled >= MOST_ASSUMED) break;
      if (vma.start > at) filled += this.#assume(process, at, vma.start);
      at = vma.end;
    }
    return at < end ? filled + this.#assume(process, at, end) : filled;
  }

  /** A mapping of its own kind, so that it merges with nothing the log shows. */
  #assume(process: Process, start: number, end: number): number {
    if (this.#assumedFd < 0) this.#assumedFd = this.#world.openFile('(before the log)', {});
    const flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
    return isErr(process.mmap(start, end - start, PROT_READ_WRITE, flags, this.#assumedFd, start))
      ? 0
      : 1;
  }

  #explainPlace(step: CallStep, answer: number): number {
    const { call, program } = step;
    const { process, space } = program;
    if (step.wanted < 0 || call.name !== 'mmap' || isFixed(call.flags)) return answer;
    const wanted = Number(step.wanted);
    const hint = Number(call.addr);
    if (hint !== 0 && answer === hint) return this.#passOver(step, hint);
    if (isKnown(step, wanted) || wanted === hint || space.failedGuesses > MOST_FAILED)
      return answer;
    if (wanted + Number(call.len) > process.layout().mmapBase) {
      process.setLayout({ mmapBase: wanted + pages(call.len) });
      return this.#again(step, answer, step.fd);
    }
    return this.#fillAbove(step, answer, wanted);
  }

  /** Below a free place of its own choice, the kernel maps only when that was taken. */
  #fillAbove(step: CallStep, answer: number, wanted: number): number {
    const { call, program } = step;
    if (call.name !== 'mmap') return answer;
    const filled: number[] = [];
    let at = answer;
    while (at > wanted && filled.length < MOST_ASSUMED) {
      program.process.munmap(at, call.len);
      if (this.#assume(program.process, at, at + pages(call.len)) === 0) break;
      filled.push(at);
      at = this.#again(step, 0, step.fd);
    }
    if (at === wanted) {
      this.#notes.add('assumed-occupied', filled.length);
      return at;
    }
    // It was no explanation: nothing of it may stay.
    if (at > 0) program.process.munmap(at, call.len);
    for (const start of filled) program.process.munmap(start, call.len);
    program.space.failedGuesses++;
    return this.#again(step, 0, step.fd);
  }

  /** The kernel did not take a hint: something was there. */
  #passOver(step: CallStep, hint: number): number {
    const { process } = step.program;
    process.munmap(hint, (rangeOf(step.call)?.end ?? hint) - hint);
    this.#notes.add('assumed-occupied', this.#assume(process, hint, hint + PAGE_SIZE));
    return this.#again(step, 0, step.fd);
  }

  #explainBrk(step: CallStep, answer: number): number {
    const { call, program } = step;
    const wanted = Number(step.wanted);
    const { brk } = program.process.layout();
    if (call.name !== 'brk' || brk !== 0) return answer;
    // The first call tells where the heap ends; where it began nobody knows.
    program.process.setLayout({ startBrk: wanted, brk: wanted });
    return wanted;
  }
}

const pages = (len: number | bigint): number => Math.ceil(Number(len) / PAGE_SIZE) * PAGE_SIZE;

export function agrees(step: CallStep, answer: Answer): boolean {
  if (answer === step.wanted) return true;
  return isNegative(step.wanted) && answer === Number(step.wanted);
}

const isNegative = (wanted: number | bigint): boolean => wanted < 0;

/** Whether the log shows all that was ever mapped there. */
function isKnown({ program }: CallStep, addr: number): boolean {
  return addr > PLACED_FROM && addr < program.space.knownBelow;
}

/** Above this, mappings are placed downwards from below the stack. */
const PLACED_FROM = 0x7000_0000_0000;

/** The call as a reader knows it. */
export const isPlacing = (call: SpaceCall): boolean =>
  (call.name === 'mmap' && !isFixed(call.flags)) || call.name === 'mremap';
