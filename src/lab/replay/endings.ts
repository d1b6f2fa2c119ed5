/** Compares a process at its end with the maps that were recorded then. */
import { hasFlag, VM_GROWSDOWN } from '../../index.ts';
import { compareMaps, type MapsDifference } from './compare_maps.ts';
import type { MapsLine } from './maps_text.ts';
import type { Findings } from './findings.ts';
import type { Notes } from './notes.ts';
import type { Program } from './program.ts';
import { pidsOf, type Recording } from './recording.ts';

/** Other threads go on while the maps are taken; so many states of the end are looked at. */
const MOST_LOOKS = 500;
/** Differing lines shown with a finding. */
const SHOWN = 6;

/** What is known of one process' end so far. */
interface Look {
  maps: readonly MapsDifference[] | null;
  smaps: readonly MapsDifference[] | null;
  looks: number;
}

export class Endings {
  readonly #recording: Recording;
  readonly #findings: Findings;
  readonly #notes: Notes;
  readonly #looks = new Map<Program, Look>();

  constructor(recording: Recording, findings: Findings, notes: Notes) {
    this.#notes = notes;
    this.#recording = recording;
    this.#findings = findings;
  }

  hasMaps(pid: number): boolean {
    return this.#recording.endMaps.has(pid) || this.#recording.endSmaps.has(pid);
  }

  /** Looks at the process as it is now; what agrees at one moment of the end, agrees. */
  look(program: Program, pid: number): void {
    const maps = this.#recording.endMaps.get(pid);
    const smaps = this.#recording.endSmaps.get(pid);
    if (maps === undefined && smaps === undefined) return;
    const look = this.#looks.get(program) ?? { maps: null, smaps: null, looks: 0 };
    this.#looks.set(program, look);
    if (look.looks++ > MOST_LOOKS) return;
    const { process } = program;
    const limit = smaps === undefined ? Infinity : endOfCut(smaps, maps);
    if (limit < Infinity && look.looks === 1) this.#notes.add('smaps-cut');
    if (maps !== undefined && look.maps?.length !== 0) {
      look.maps = fewer(look.maps, compareMaps(maps, process.maps()));
    }
    if (smaps !== undefined && look.smaps?.length !== 0) {
      look.smaps = fewer(look.smaps, compareMaps(smaps, process.smaps(), limit));
    }
  }

  /**
   * Nothing shows when stacks grew: where the end maps show that they did, they are believed.
   *
   * @returns how many.
   */
  growStacks(program: Program, pid: number): number {
    const lines = this.#recording.endMaps.get(pid) ?? this.#recording.endSmaps.get(pid) ?? [];
    let grown = 0;
    for (const vma of program.process.vmas()) {
      if (!hasFlag(vma.flags, VM_GROWSDOWN)) continue;
      const line = lines.find(({ start, end }) => start < vma.start && end > vma.start);
      if (line !== undefined && program.process.touch(line.start, 'write') === 'done') grown++;
    }
    return grown;
  }

  /** Maps of processes that are not in the log. */
  reportUnknown(known: ReadonlySet<number>): void {
    for (const pid of pidsOf(this.#recording)) {
      if (known.has(pid)) continue;
      const message = `There are maps of process ${pid}, which the log does not show.`;
      this.#findings.add('contradiction', message, { pid });
    }
  }

  /** Settles what the looks have come to. */
  settle(program: Program, pid: number): void {
    const look = this.#looks.get(program);
    if (look === undefined) return;
    this.#looks.delete(program);
    const { maps, smaps } = look;
    const differences = maps !== null && maps.length > 0 ? maps : (smaps ?? []);
    program.differences = differences;
    program.mapVerdict = differences.length === 0 ? 'agrees' : 'differs';
    if (differences.length > 0) this.#report(program, pid, differences === maps ? 'maps' : 'smaps');
  }

  #report(program: Program, pid: number, kind: 'maps' | 'smaps'): void {
    const differences = program.differences ?? [];
    const places = `${differences.length} ${differences.length === 1 ? 'place' : 'places'}`;
    const message = `The mappings of ${program.command} at its end differ from ${pid}.end.${kind} in ${places}.`;
    const context = differences.slice(0, SHOWN).flatMap(textOf);
    if (differences.length > SHOWN) context.push(`... and ${differences.length - SHOWN} more`);
    this.#findings.add('map', message, { pid, line: program.endLine, context });
  }
}

/** smaps of a large process take so long that the process may end before they do. */
function endOfCut(smaps: readonly MapsLine[], maps: readonly MapsLine[] | undefined): number {
  if (maps === undefined || smaps.length >= maps.length) return Infinity;
  const isBeginning = smaps.every(
    ({ start, end }, i) => maps[i]?.start === start && maps[i].end === end,
  );
  return isBeginning ? (smaps.at(-1)?.end ?? Infinity) : Infinity;
}

function fewer(
  before: readonly MapsDifference[] | null,
  now: readonly MapsDifference[],
): readonly MapsDifference[] {
  return before === null || now.length < before.length ? now : before;
}

function textOf({ kernel, engine }: MapsDifference): string[] {
  const lines: string[] = [];
  if (kernel !== null) lines.push(`kernel  ${kernel}`);
  if (engine !== null) lines.push(`engine  ${engine}`);
  return lines;
}
