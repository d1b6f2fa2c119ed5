/** Compares what the engine shows of a process with what the kernel showed. */
import { type MapsLine, mapsLineText, parseMaps } from './maps_text.ts';

/** A line that only one side has, or that both have and is not the same. */
export interface MapsDifference {
  readonly kernel: string | null;
  readonly engine: string | null;
}

const DELETED = ' (deleted)';
/** Codes that depend on how the kernel was built, and that the engine does not keep. */
const UNCOMPARED = new Set(['sd', 'mt', 'ss', '??', 'um', 'uw', 'ui']);

/**
 * @param limit where the kernel's text ends, when it is not whole.
 * @returns the differences, in the order of addresses; none when the maps are equal.
 */
export function compareMaps(
  kernel: readonly MapsLine[],
  engineText: string,
  limit = Infinity,
): MapsDifference[] {
  const parsed = parseMaps(engineText);
  const engine = Array.isArray(parsed) ? parsed.filter(({ start }) => start < limit) : [];
  const differences: MapsDifference[] = [];
  let [k, e] = [0, 0];
  while (k < kernel.length || e < engine.length) {
    const ours = engine[e];
    const theirs = kernel[k];
    if (ours !== undefined && theirs !== undefined && isSame(theirs, ours)) {
      k++;
      e++;
    } else if (theirs === undefined || (ours !== undefined && ours.start < theirs.start)) {
      differences.push({ kernel: null, engine: textOf(ours) });
      e++;
    } else if (ours === undefined || theirs.start < ours.start) {
      differences.push({ kernel: textOf(theirs), engine: null });
      k++;
    } else {
      differences.push({ kernel: textOf(theirs), engine: textOf(ours) });
      k++;
      e++;
    }
  }
  return differences;
}

function textOf(line: MapsLine | undefined): string | null {
  if (line === undefined) return null;
  const flags = line.vmFlags === null ? '' : `  VmFlags: ${line.vmFlags.join(' ')}`;
  return mapsLineText(line) + flags;
}

function isSame(kernel: MapsLine, engine: MapsLine): boolean {
  return (
    kernel.start === engine.start &&
    kernel.end === engine.end &&
    kernel.perms === engine.perms &&
    kernel.offset === engine.offset &&
    withoutDeleted(kernel.name) === withoutDeleted(engine.name) &&
    isSameFile(kernel, engine) &&
    isSameFlags(kernel.vmFlags, engine.vmFlags)
  );
}

/** A file may have been deleted since the log named it. */
const withoutDeleted = (name: string): string =>
  name.endsWith(DELETED) ? name.slice(0, -DELETED.length) : name;

/** The engine knows device and inode of those files only that the recorded maps show. */
function isSameFile(kernel: MapsLine, engine: MapsLine): boolean {
  if (engine.ino === 0 || engine.name.startsWith('/dev/zero')) return true;
  return (
    kernel.ino === engine.ino &&
    kernel.devMajor === engine.devMajor &&
    kernel.devMinor === engine.devMinor
  );
}

function isSameFlags(kernel: readonly string[] | null, engine: readonly string[] | null): boolean {
  if (kernel === null || engine === null) return true;
  return comparable(kernel) === comparable(engine);
}

const comparable = (codes: readonly string[]): string =>
  codes
    .filter((code) => !UNCOMPARED.has(code))
    .toSorted()
    .join(' ');
