/** Compares a process at its end with the maps that were recorded then. */
import { hasFlag, VM_GROWSDOWN } from '../../index.ts';
import { compareMaps, type MapsDifference } from './compare_maps.ts';
import {
  comparePages,
  nearest,
  type PageComparison,
  type PageFigures,
  type Present,
} from './compare_pages.ts';
import { reasonOf } from './explain_pages.ts';
import { type MapsLine, mapsLineText } from './maps_text.ts';
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
  pages: PageComparison | null;
  looks: number;
}

export interface EndingParts {
  readonly recording: Recording;
  readonly findings: Findings;
  readonly notes: Notes;
  /** Whether the recorded page faults are replayed. */
  readonly hasFaults: () => boolean;
}

export class Endings {
  readonly #recording: Recording;
  readonly #findings: Findings;
  readonly #notes: Notes;
  readonly #hasFaults: () => boolean;
  readonly #looks = new Map<Program, Look>();

  constructor({ recording, findings, notes, hasFaults }: EndingParts) {
    this.#notes = notes;
    this.#recording = recording;
    this.#findings = findings;
    this.#hasFaults = hasFaults;
  }

  hasMaps(pid: number): boolean {
    return this.#recording.endMaps.has(pid) || this.#recording.endSmaps.has(pid);
  }

  /** Looks at the process as it is now; what agrees at one moment of the end, agrees. */
  look(program: Program, pid: number): void {
    const maps = this.#recording.endMaps.get(pid);
    const smaps = this.#recording.endSmaps.get(pid);
    if (maps === undefined && smaps === undefined) return;
    const look = this.#looks.get(program) ?? { maps: null, smaps: null, pages: null, looks: 0 };
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
    if (smaps !== undefined && this.#hasFaults()) look.pages = better(look.pages, program, smaps);
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
    this.#settlePages(program, pid, look.pages);
    program.differences = differences;
    program.mapVerdict = differences.length === 0 ? 'agrees' : 'differs';
    if (differences.length > 0) this.#report(program, pid, differences === maps ? 'maps' : 'smaps');
  }

  /** Tells why each figure differs; one that nothing explains is a finding. */
  #settlePages(program: Program, pid: number, pages: PageComparison | null): void {
    program.pages = pages;
    const { refused } = program.space;
    const evidence = { refused, hasOtherThreads: program.hadOtherThreads };
    program.pageReasons = (pages?.differences ?? []).map((figures) => {
      const reason = reasonOf(figures, evidence);
      if (reason !== null) this.#notes.add(`pages-${reason}`);
      return { figures, reason };
    });
    const unexplained = program.pageReasons.filter(({ reason }) => reason === null);
    if (unexplained.length === 0) return;
    const vmas = `${unexplained.length} ${unexplained.length === 1 ? 'VMA' : 'VMAs'}`;
    const message = `What is present of ${vmas} of ${program.command} at its end contradicts the recorded page faults.`;
    const context = unexplained.slice(0, SHOWN).map(({ figures }) => presentText(figures));
    this.#findings.add('pages', message, { pid, line: program.endLine, context });
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

/** @returns what comes of this moment and of those before. */
function better(
  before: PageComparison | null,
  { process }: Program,
  smaps: readonly MapsLine[],
): PageComparison {
  if (before?.differences.length === 0 && before.compared === smaps.length) return before;
  const now = comparePages(smaps, { vmas: process.vmas(), stats: process.pageStats() });
  return before === null ? now : nearest(before, now);
}

function presentText({ line, kernel, engine }: PageFigures): string {
  return `${mapsLineText(line)}: kernel ${kilobytes(kernel)}; engine ${kilobytes(engine)}`;
}

const kilobytes = ({ rss, anonymous }: Present): string =>
  `Rss ${rss / 1024} kB, Anonymous ${anonymous / 1024} kB`;

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
