import type { Faults } from './faults.ts';
import type { MapsLine } from './maps_text.ts';

/** One recorded program: a log, and what was recorded beside it. All but the log may be missing. */
export interface Recording {
  /** As the user names it. */
  readonly name: string;
  /** The log, in pieces. */
  readonly log: AsyncIterable<string>;
  /** Bytes of the log, or null when that is not known. */
  readonly logBytes: number | null;
  /** Right after exec, by PID. */
  readonly startMaps: ReadonlyMap<number, readonly MapsLine[]>;
  /** Right after the second exec of a process and those that follow, by `PID.NUMBER`. */
  readonly laterStartMaps: ReadonlyMap<string, readonly MapsLine[]>;
  /** What the recording machine was set to, by the names of `--set`. */
  readonly settings: ReadonlyMap<string, number>;
  /** When exit_group was called, by PID. */
  readonly endMaps: ReadonlyMap<number, readonly MapsLine[]>;
  /** The same with VmFlags. */
  readonly endSmaps: ReadonlyMap<number, readonly MapsLine[]>;
  /** Null when nothing tells which pages were touched. */
  readonly faults: Faults | null;
  /** What is wrong with the files beside the log. */
  readonly troubles: readonly Trouble[];
}

/** A file that could not be used, and where it is wrong. */
export interface Trouble {
  readonly file: string;
  readonly line: number | null;
  readonly reason: string;
}

/** Who a file on disk is, as far as the recorded maps tell. */
export interface FileIdentity {
  readonly devMajor: number;
  readonly devMinor: number;
  readonly ino: number;
}

/** @returns every file that the recorded maps show and that its path identifies. */
export function knownFiles(recording: Recording): Map<string, FileIdentity> {
  const files = new Map<string, FileIdentity>();
  const ambiguous = new Set<string>();
  const { endSmaps, endMaps, startMaps, laterStartMaps } = recording;
  for (const maps of [endSmaps, endMaps, startMaps, laterStartMaps]) {
    for (const { name, devMajor, devMinor, ino } of [...maps.values()].flat()) {
      if (ino === 0) continue;
      // Unnamed memory and memfds share names; a file may have been replaced.
      if ((files.get(name)?.ino ?? ino) !== ino) ambiguous.add(name);
      files.set(name, { devMajor, devMinor, ino });
    }
  }
  for (const name of ambiguous) files.delete(name);
  return files;
}

/** @returns the processes of which there are maps. */
export function pidsOf(recording: Recording): ReadonlySet<number> {
  const { startMaps, laterStartMaps, endMaps, endSmaps } = recording;
  const later = [...laterStartMaps.keys()].map((key) => Number.parseInt(key, 10));
  return new Set([...startMaps.keys(), ...later, ...endMaps.keys(), ...endSmaps.keys()]);
}
