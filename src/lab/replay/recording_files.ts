import {
  createReadStream,
  type Dirent,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Faults, parseFaults } from './faults.ts';
import { type MapsLine, parseMaps } from './maps_text.ts';
import type { Recording, Trouble } from './recording.ts';

/** A recording that cannot be opened: wrong use, told in one sentence. */
export class RecordingError extends Error {}

const LOG_NAMES = ['trace.strace', 'strace.log', 'trace.log', 'strace.txt', 'strace.out'];
const SIDE_FILE = /^(\d+)\.(start\.maps|end\.maps|end\.smaps)$/;
const LATER_START = /^(\d+\.\d+)\.start\.maps$/;
const META = 'meta.json';

/**
 * Opens a recording: a directory with a log in it, a log, or `-` for standard input. The files
 * beside a log belong to it when it is called as in a recording.
 *
 * @throws RecordingError
 */
export function openRecording(trace: string): Recording {
  if (trace === '-') return bare('standard input', process.stdin.setEncoding('utf8'), null);
  const stat = statOf(trace);
  if (stat.isDirectory()) return inDirectory(trace, trace, logIn(trace));
  if (stat.isFile() && stat.size === 0) {
    throw new RecordingError(`${trace} is empty: give an strace log.`);
  }
  const log = basename(trace);
  if (LOG_NAMES.includes(log)) return inDirectory(trace, dirname(trace), log);
  return bare(trace, read(trace), stat.isFile() ? stat.size : null);
}

function statOf(trace: string): Stats {
  try {
    return statSync(trace);
  } catch (error) {
    throw new RecordingError(
      `${trace} cannot be read (${codeOf(error)}): give an strace log, or a directory with one.`,
    );
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

function logIn(directory: string): string {
  const entries = entriesOf(directory);
  const named = LOG_NAMES.find((name) => entries.includes(name));
  const logs = named === undefined ? entries.filter((name) => name.endsWith('.strace')) : [named];
  const [log] = logs;
  if (log !== undefined && logs.length === 1) return log;
  const found = logs.length === 0 ? 'no strace log' : `${logs.length} strace logs`;
  throw new RecordingError(`${directory} holds ${found}: one trace.strace is expected there.`);
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry: Dirent) => !entry.isDirectory())
      .map((entry) => entry.name)
      .toSorted();
  } catch (error) {
    throw new RecordingError(`${directory} cannot be read (${codeOf(error)}).`);
  }
}

function bare(name: string, log: AsyncIterable<string>, logBytes: number | null): Recording {
  const none = new Map<number, readonly MapsLine[]>();
  return {
    name,
    log,
    logBytes,
    startMaps: none,
    laterStartMaps: new Map(),
    settings: new Map(),
    endMaps: none,
    endSmaps: none,
    faults: null,
    troubles: [],
  };
}

/** Opens the file when its first piece is asked for. */
async function* read(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 });
  for await (const chunk of stream) yield String(chunk);
}

function inDirectory(name: string, directory: string, log: string): Recording {
  const path = join(directory, log);
  const { size } = statOf(path);
  if (size === 0) throw new RecordingError(`${path} is empty: give an strace log.`);
  const side = new SideFiles(directory);
  const entries = entriesOf(directory);
  for (const entry of entries) side.read(entry);
  return {
    ...bare(name, read(path), size),
    startMaps: side.maps['start.maps'],
    laterStartMaps: side.laterStarts,
    settings: entries.includes(META) ? side.settings() : new Map(),
    endMaps: side.maps['end.maps'],
    endSmaps: side.maps['end.smaps'],
    faults: entries.includes('faults.txt') ? side.faults('faults.txt') : null,
    troubles: side.troubles,
  };
}

/** What lies beside a log. */
class SideFiles {
  readonly #directory: string;
  readonly troubles: Trouble[] = [];
  readonly maps: Record<'start.maps' | 'end.maps' | 'end.smaps', Map<number, MapsLine[]>> = {
    'start.maps': new Map(),
    'end.maps': new Map(),
    'end.smaps': new Map(),
  };

  readonly laterStarts = new Map<string, MapsLine[]>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  read(entry: string): void {
    const [, pid, kind] = SIDE_FILE.exec(entry) ?? [];
    const later = LATER_START.exec(entry)?.[1];
    if (pid === undefined && later === undefined) return;
    const parsed = parseMaps(this.#text(entry));
    if (!Array.isArray(parsed)) this.#trouble(entry, parsed.line, parsed.reason);
    else if (parsed.length === 0) this.#trouble(entry, null, 'shows no mapping');
    else if (later !== undefined) this.laterStarts.set(later, parsed);
    else this.maps[kind as keyof typeof this.maps].set(Number(pid), parsed);
  }

  /** What `vmaspace record` writes of the machine. */
  settings(): Map<string, number> {
    const settings = new Map<string, number>();
    for (const [name, value] of Object.entries(settingsIn(this.#text(META)))) {
      if (Number.isSafeInteger(value) && Number(value) >= 0) settings.set(name, Number(value));
    }
    return settings;
  }

  faults(entry: string): Faults {
    const faults = parseFaults(this.#text(entry));
    const [line] = faults.malformed;
    if (line !== undefined) {
      const reason = `not "TID SECONDS ADDRESS CODE" (${faults.malformed.length} such lines)`;
      this.#trouble(entry, line, reason);
    }
    return faults;
  }

  #text(entry: string): string {
    try {
      return readFileSync(join(this.#directory, entry), 'utf8');
    } catch (error) {
      this.#trouble(entry, null, `cannot be read (${codeOf(error)})`);
      return '';
    }
  }

  #trouble(entry: string, line: number | null, reason: string): void {
    this.troubles.push({ file: join(this.#directory, entry), line, reason });
  }
}

function settingsIn(text: string): object {
  try {
    const meta: unknown = JSON.parse(text);
    const hasSettings = typeof meta === 'object' && meta !== null && 'settings' in meta;
    const settings = hasSettings ? meta.settings : null;
    return typeof settings === 'object' && settings !== null ? settings : {};
  } catch {
    return {};
  }
}
