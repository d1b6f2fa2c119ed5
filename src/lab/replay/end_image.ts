/**
 * What a program started with, from the maps recorded at its end: the mappings that only an exec
 * makes are still there, though the loader has made parts of them read-only.
 *
 *     end    r--p r-xp r--p | r--p rw-p |  rw-p        [heap] ...        [vvar] [vdso] ld.so
 * [stack]
 *     start  r--p r-xp r--p | rw-p      |  rw-p                          [vvar] [vdso] ld.so
 * [stack]
 *                             was one      zeroed data
 */
import { SPECIAL_NAMES } from './image.ts';
import type { MapsLine } from './maps_text.ts';

const LOADER = /\/ld[-.][^/]*$|\/ld-musl[^/]*$/;
/** What the kernel maps of a stack before a program runs; faults make the rest. */
const STACK_BYTES = 0x21000;

/** What the first calls tell. */
export interface StartMarks {
  /** What was given to execve; maps show where symbolic links lead. */
  readonly path: string | null;
  readonly brk: number | null;
  /** The first mapping whose place the kernel chose. */
  readonly first: { readonly start: number; readonly end: number } | null;
  /** Whether growth of the stack will be replayed. */
  readonly hasFaults: boolean;
}

/** @returns the mappings of the start, or null when the maps are of another exec. */
export function startFromEnd(end: readonly MapsLine[], marks: StartMarks): MapsLine[] | null {
  const program = programIn(end, marks.path);
  if (program === null) return null;
  const files = end.filter(({ name }) => name === program || LOADER.test(name));
  const kernel = end.filter(({ name }) => name in SPECIAL_NAMES || name === '[stack]');
  const zeroed = zeroedData(end, program);
  const start = [...unprotected(files), ...zeroed, ...kernel.map((line) => shorter(line, marks))];
  start.sort((a, b) => a.start - b.start);
  return fits(start, end, marks) ? start : null;
}

/**
 * @returns the path of what was executed: a file mapped from its beginning, best one called alike.
 */
function programIn(end: readonly MapsLine[], path: string | null): string | null {
  const files = end.filter(
    ({ name, offset }) => name.startsWith('/') && offset === 0 && !LOADER.test(name),
  );
  const names = files.map(({ name }) => name);
  const base = baseOf(path ?? '');
  const isAlike = (name: string): boolean => base !== '' && baseOf(name).includes(base);
  return names.find((name) => name === path) ?? names.find(isAlike) ?? names[0] ?? null;
}

const baseOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Next to the first mapping, and where the heap began. */
function fits(
  start: readonly MapsLine[],
  end: readonly MapsLine[],
  { brk, first }: StartMarks,
): boolean {
  if (first === null || !start.some((line) => isNextTo(line, first))) return false;
  const heap = end.find(({ name }) => name === '[heap]');
  return heap === undefined || brk === null || Math.ceil(brk / 4096) * 4096 === heap.start;
}

/** Mappings are placed downwards from what exec has mapped, or upwards under the legacy layout. */
export const isNextTo = (
  line: { readonly start: number; readonly end: number },
  first: { readonly start: number; readonly end: number },
): boolean => line.start === first.end || line.end === first.start;

/** Joins what mprotect() has cut from the writable part of a file (RELRO). */
function unprotected(files: readonly MapsLine[]): MapsLine[] {
  const joined: MapsLine[] = [];
  for (const line of files) {
    const last = joined.at(-1);
    if (last === undefined || !wasWritable(last) || !continues(last, line)) joined.push(line);
    else joined[joined.length - 1] = { ...line, start: last.start, offset: last.offset };
  }
  // All of it may have been made read-only.
  return joined.map((line) => (wasWritable(line) ? writable(line) : line));
}

const writable = (line: MapsLine): MapsLine => ({
  ...line,
  perms: `rw${line.perms.slice(2)}`,
  vmFlags: null,
});

/** Only what was once writable is charged. */
function wasWritable({ perms, vmFlags }: MapsLine): boolean {
  if (vmFlags !== null) return vmFlags.includes('ac');
  return perms.startsWith('rw');
}

const continues = (a: MapsLine, b: MapsLine): boolean =>
  a.end === b.start &&
  a.name === b.name &&
  a.offset + (a.end - a.start) === b.offset &&
  wasWritable(b);

/** Unnamed memory right behind the program's data. */
function zeroedData(end: readonly MapsLine[], name: string): MapsLine[] {
  const data = end.findLast((line) => line.name === name);
  return end.filter((line) => line.name === '' && line.start === data?.end);
}

function shorter(line: MapsLine, { hasFaults }: StartMarks): MapsLine {
  if (line.name !== '[stack]' || !hasFaults) return line;
  return { ...line, start: Math.max(line.start, line.end - STACK_BYTES) };
}
