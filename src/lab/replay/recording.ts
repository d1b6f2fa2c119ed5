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
  for (const maps of [recording.endSmaps, recording.endMaps, recording.startMaps]) {
    for (const lines of maps.values()) {
      for (const { name, devMajor, devMinor, ino } of lines) {
        if (ino === 0) continue;
        // Unnamed memory and memfds share names; a file may have been replaced.
        if ((files.get(name)?.ino ?? ino) !== ino) ambiguous.add(name);
        files.set(name, { devMajor, devMinor, ino });
      }
    }
  }
  for (const name of ambiguous) files.delete(name);
  return files;
}

/** @returns the processes of which there are maps. */
export function pidsOf({ startMaps, endMaps, endSmaps }: Recording): ReadonlySet<number> {
  return new Set([...startMaps.keys(), ...endMaps.keys(), ...endSmaps.keys()]);
}
