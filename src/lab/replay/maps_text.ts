/** Reads the text of /proc/PID/maps, and of smaps: whole, or reduced to headers, Rss, Anonymous and VmFlags. */

/** One VMA as the kernel shows it. */
export interface MapsLine {
  /** Bytes, inclusive. */
  readonly start: number;
  /** Bytes, exclusive. */
  readonly end: number;
  /** As `r-xp`. */
  readonly perms: string;
  /** Bytes. */
  readonly offset: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly ino: number;
  /** Path, `[label]`, or empty. */
  readonly name: string;
  /** The codes of `VmFlags:`; null in maps, which does not show them. */
  readonly vmFlags: readonly string[] | null;
  /** Bytes that are present; null in maps, which does not show them. */
  readonly rss: number | null;
  /** Bytes of private memory among them, copies of a file's pages included; null as above. */
  readonly anonymous: number | null;
  /** Counted from 1. */
  readonly line: number;
}

/** What is wrong with a file of maps. */
export interface MapsRefusal {
  readonly line: number;
  readonly reason: string;
}

const HEADER =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-][sp]) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$/;
const SMAPS_FIELD = /^[A-Za-z_]+:/;

/**
 * @returns the VMAs in order, without [vsyscall], which is none; or the first line that is wrong.
 */
export function parseMaps(text: string): MapsLine[] | MapsRefusal {
  const lines: MapsLine[] = [];
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (line === '') continue;
    if (SMAPS_FIELD.test(line)) {
      addField(lines, line);
      continue;
    }
    const parsed = parseLine(line, number);
    if (parsed === null) return { line: number, reason: `not a line of maps: ${excerpt(line)}` };
    const last = lines.at(-1);
    if (last !== undefined && parsed.start < last.end) {
      return { line: number, reason: 'begins before the mapping above it ends' };
    }
    lines.push(parsed);
  }
  return lines.filter(({ name }) => name !== '[vsyscall]');
}

function parseLine(line: string, number: number): MapsLine | null {
  const [, start, end, perms, offset, major, minor, ino, name] = HEADER.exec(line) ?? [];
  if (start === undefined || end === undefined || perms === undefined) return null;
  const parsed = {
    start: parseInt(start, 16),
    end: parseInt(end, 16),
    perms,
    offset: parseInt(offset ?? '', 16),
    devMajor: parseInt(major ?? '', 16),
    devMinor: parseInt(minor ?? '', 16),
    ino: Number(ino),
    name: (name ?? '').replaceAll('\\012', '\n'),
    vmFlags: null,
    rss: null,
    anonymous: null,
    line: number,
  };
  return parsed.start < parsed.end ? parsed : null;
}

function addField(lines: MapsLine[], field: string): void {
  const last = lines.at(-1);
  const value = fieldOf(field);
  if (last !== undefined && value !== null) lines[lines.length - 1] = { ...last, ...value };
}

const KILOBYTES = /^(Rss|Anonymous): +(\d{1,15}) kB$/;

/** @returns what a line of smaps says of its VMA; null for what is not read here. */
function fieldOf(field: string): Partial<MapsLine> | null {
  if (field.startsWith('VmFlags:')) {
    return { vmFlags: field.split(' ').filter((code) => code !== '' && code !== 'VmFlags:') };
  }
  const [, label, kilobytes] = KILOBYTES.exec(field) ?? [];
  if (label === undefined) return null;
  const bytes = Number(kilobytes) * 1024;
  return label === 'Rss' ? { rss: bytes } : { anonymous: bytes };
}

const excerpt = (line: string): string => JSON.stringify(line.slice(0, 60));

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** @returns the line as the kernel prints it, without padding. */
export function mapsLineText(line: MapsLine): string {
  const head = `${hex(line.start, 8)}-${hex(line.end, 8)} ${line.perms} ${hex(line.offset, 8)}`;
  const dev = `${hex(line.devMajor, 2)}:${hex(line.devMinor, 2)}`;
  return `${head} ${dev} ${line.ino}${line.name === '' ? '' : ` ${line.name}`}`;
}
