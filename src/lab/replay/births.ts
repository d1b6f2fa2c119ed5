/**
 * How programs start. An exec says little: where things lie shows in the maps recorded after it,
 * or in the first calls of the program itself, so a program starts when those have been read.
 *
 *     execve  brk(NULL) = heap   mmap(NULL) = just below what exec has mapped   then: start
 */
import {
  ADDR_COMPAT_LAYOUT,
  defaultMmapBase,
  type ExecImage,
  isErr,
  MAP_32BIT,
  PAGE_SIZE,
  PMD_SIZE,
} from '../../index.ts';
import { isNextTo, startFromEnd } from './end_image.ts';
import type { Findings } from './findings.ts';
import { argumentBytesOf, imageOfMaps, type OpenImage, touchAsExec } from './image.ts';
import type { MapsLine } from './maps_text.ts';
import type { Notes } from './notes.ts';
import type { FileWorld } from './openings.ts';
import type { Birth, Origin, Program, Step } from './program.ts';
import type { Recording } from './recording.ts';
import type { Roster } from './roster.ts';
import { isFixed } from './run_call.ts';

/** A program that has made so many calls is not asked for more. */
const ENOUGH_CALLS = 8;

interface Known {
  readonly origin: Origin;
  readonly lines: readonly MapsLine[] | null;
}

/** What the first calls of a program tell. */
interface Evidence {
  /** What brk(NULL) answered: where the heap begins. */
  readonly brk: number | null;
  /** The first mapping whose place the kernel chose. */
  readonly first: { readonly start: number; readonly end: number } | null;
  readonly calls: number;
  /** Whether these are the first calls of a program, and not of the log only. */
  readonly isWhole: boolean;
}

/** Builds an image from what is on this machine's disk; null when it cannot. */
export type ElfImages = (
  path: string,
  evidence: { brk: number; top: number },
) => readonly MapsLine[] | null;

export interface BirthParts {
  readonly recording: Recording;
  readonly roster: Roster;
  readonly world: FileWorld;
  readonly notes: Notes;
  readonly findings: Findings;
  readonly elfImages: ElfImages | null;
  /** Whether the recorded page faults are replayed. */
  readonly hasFaults: () => boolean;
}

export class Births {
  readonly #parts: BirthParts;
  /** Start maps that no program has taken yet. */
  readonly #unused: Map<number, readonly MapsLine[]>;
  /** Why the maps of a process did not fit. */
  readonly #clashes = new Map<number, string>();

  constructor(parts: BirthParts) {
    this.#parts = parts;
    this.#unused = new Map(parts.recording.startMaps);
  }

  /** Start maps that fit no exec of their process, and why. */
  reportUnused(): void {
    for (const pid of this.#unused.keys()) {
      const clash = this.#clashes.get(pid);
      if (clash === undefined) continue;
      const message = `${pid}.start.maps contradicts the log: ${clash}. It was not used.`;
      this.#parts.findings.add('contradiction', message, { pid });
    }
  }

  /** Whether the steps that wait tell enough. */
  isReady(steps: readonly Step[]): boolean {
    const { first, calls } = evidenceIn(steps);
    return first !== null || calls >= ENOUGH_CALLS;
  }

  /** Starts the program of a space that has been waiting. @returns the steps that waited. */
  start(program: Program): readonly Step[] {
    const { space } = program;
    const { birth } = space;
    if (birth === null) return [];
    const evidence = evidenceIn(birth.steps);
    const { origin, lines } = this.#linesFor(program, birth, evidence);
    space.origin = origin;
    const isLegacy = (program.personality & ADDR_COMPAT_LAYOUT) !== 0;
    if (evidence.isWhole && !isLegacy) space.knownBelow = evidence.first?.end ?? 0;
    this.#note(origin, birth.exec === null);
    this.#exec(program, this.#image(lines, evidence, isLegacy), birth.steps);
    space.birth = null;
    return birth.steps;
  }

  #linesFor(program: Program, { path }: Birth, evidence: Evidence): Known {
    const pid = this.#parts.roster.pidOf(program);
    const recorded = this.#laterFor(pid, program) ?? this.#recordedFor(pid, evidence);
    if (recorded !== null) return { origin: 'recorded', lines: recorded };
    const ends = this.#endLines(pid, path, evidence);
    if (ends !== null) return { origin: 'ends', lines: ends };
    const isLegacy = (program.personality & ADDR_COMPAT_LAYOUT) !== 0;
    const elf = isLegacy ? null : this.#elfLines(path, evidence);
    return elf === null ? { origin: 'log', lines: null } : { origin: 'elf', lines: elf };
  }

  #note(origin: Origin, isRunning: boolean): void {
    if (isRunning) this.#parts.notes.add('unknown-program');
    if (origin === 'log') this.#parts.notes.add('start-from-log');
    if (origin === 'ends') this.#parts.notes.add('start-from-ends');
    if (origin === 'elf') this.#parts.notes.add('start-from-elf');
  }

  #image(lines: readonly MapsLine[] | null, evidence: Evidence, isLegacy: boolean): OpenImage {
    const brk = evidence.brk ?? 0;
    return lines === null
      ? { image: imageOfLog(evidence, isLegacy), fds: [] }
      : imageOfMaps(lines, brk, this.#parts.world);
  }

  #exec(program: Program, { image, fds }: OpenImage, steps: readonly Step[]): void {
    const result = program.process.exec(image);
    for (const fd of fds) this.#parts.world.machine.close(fd);
    if (isErr(result)) {
      const where = { pid: program.pid, line: program.line };
      this.#parts.findings.add(
        'contradiction',
        'The start maps cannot be an address space.',
        where,
      );
      program.process.exec(imageOfNothing());
    }
    const faults = steps.flatMap((step) => (step.kind === 'touch' ? [step.addr] : []));
    const isRecorded = this.#parts.hasFaults();
    const argumentBytes = isRecorded ? argumentBytesOf(image, faults) : PAGE_SIZE;
    touchAsExec(program.process, image, { argumentBytes, isRecorded });
    const vmas = program.process.mapCount();
    program.space.peak = vmas;
    program.peak = Math.max(program.peak, vmas);
  }

  /** Of the second exec and those that follow, whose maps have their numbers. */
  #laterFor(pid: number, { execs }: Program): readonly MapsLine[] | null {
    return this.#parts.recording.laterStartMaps.get(`${pid}.${execs}`) ?? null;
  }

  /** The maps of this PID, unless they are of another exec of it, or of another program. */
  #recordedFor(pid: number, evidence: Evidence): readonly MapsLine[] | null {
    const lines = this.#unused.get(pid);
    if (lines === undefined) return null;
    const clash = clashOf(lines, evidence);
    if (clash !== null) {
      this.#clashes.set(pid, clash);
      return null;
    }
    this.#unused.delete(pid);
    return lines;
  }

  /** A child that has made no exec of its own shows at its end what its parent started with. */
  #endLines(
    pid: number,
    path: string | null,
    { brk, first }: Evidence,
  ): readonly MapsLine[] | null {
    const { endSmaps, endMaps, faults } = this.#parts.recording;
    const marks = { path, brk, first, hasFaults: faults !== null };
    for (const other of new Set([pid, ...endSmaps.keys(), ...endMaps.keys()])) {
      const lines = endSmaps.get(other) ?? endMaps.get(other);
      const start = lines === undefined ? null : startFromEnd(lines, marks);
      if (start !== null) return start;
    }
    return null;
  }

  #elfLines(path: string | null, { brk, first }: Evidence): readonly MapsLine[] | null {
    if (path === null || first === null || this.#parts.elfImages === null) return null;
    return this.#parts.elfImages(path, { brk: brk ?? 0, top: first.end });
  }
}

function evidenceIn(steps: readonly Step[]): Evidence {
  let brk: number | null = null;
  let first: Evidence['first'] = null;
  let calls = 0;
  for (const step of steps) {
    if (step.kind !== 'call') continue;
    calls++;
    const { call } = step;
    const wanted = Number(step.wanted);
    if (call.name === 'brk' && brk === null) brk = wanted;
    if (call.name !== 'mmap' || first !== null || wanted < 0) continue;
    const isFree =
      !isFixed(call.flags) && Number(call.addr) === 0 && (Number(call.flags) & MAP_32BIT) === 0;
    if (isFree) first = { start: wanted, end: wanted + pageUp(Number(call.len)) };
  }
  return { brk, first, calls, isWhole: isBeginning(steps) };
}

/** The loader of a program asks for the heap before anything else. */
function isBeginning(steps: readonly Step[]): boolean {
  const step = steps.find(({ kind }) => kind === 'call');
  return step?.kind === 'call' && step.call.name === 'brk' && Number(step.call.addr) === 0;
}

const pageUp = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

/** @returns what in the first calls cannot be, were these the maps; or null. */
function clashOf(lines: readonly MapsLine[], { brk, first }: Evidence): string | null {
  if (first !== null) {
    const hit = lines.find(({ start, end }) => start < first.end && first.start < end);
    const hex = first.start.toString(16);
    if (hit !== undefined) return `mmap() returned 0x${hex}, which line ${hit.line} shows as taken`;
    const isNext = lines.some((line) => isNextTo(line, first));
    // Large mappings are aligned, and may leave a gap.
    if (!isNext && first.end - first.start < PMD_SIZE) {
      return `mmap() returned 0x${hex}, though there was room above it`;
    }
  }
  if (brk === null) return null;
  const inside = lines.find(
    ({ start, end, name }) => start < brk && brk < end && name !== '[heap]',
  );
  if (inside === undefined) return null;
  return `brk(NULL) returned 0x${brk.toString(16)}, which is inside the mapping of line ${inside.line}`;
}

/** All that the log shows: where the kernel began to place mappings, and the heap. */
function imageOfLog({ brk, first }: Evidence, isLegacy: boolean): ExecImage {
  const heap = { startBrk: brk ?? 0, brk: brk ?? 0 };
  if (isLegacy && first !== null) {
    return { vmas: [], layout: { mmapLegacyBase: first.start, ...heap }, isLegacyLayout: true };
  }
  const mmapBase = first?.end ?? defaultMmapBase(8 * 2 ** 20);
  return { vmas: [], layout: { mmapBase, ...heap } };
}

const imageOfNothing = (): ExecImage => ({ vmas: [], layout: {} });
