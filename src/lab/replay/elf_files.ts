/**
 * What a program starts with, where no recording shows it: it is executed once more, from the files
 * of this machine, in an address space of its own where nothing is random.
 *
 *     there   program             ...      [vvar] [vdso] loader
 *     here    program, if the log's heap   [vvar] [vdso] loader, moved to where the log's first
 *             lies behind it, too          ^ top                 mapping has ended
 */
import { execPath, NodeFiles } from '../../host/node_files.ts';
import { ADDR_NO_RANDOMIZE, Machine, type Process } from '../../index.ts';
import type { ElfImages } from './births.ts';
import { type MapsLine, parseMaps } from './maps_text.ts';

/** Where a position-independent program goes when nothing is random. */
const PIE_BASE = 0x555555554000;
/** What a program has no place of its own for begins above. */
const MAPPINGS = 0x7000_0000_0000;
/** Enough for the headers of a program, and for its stack. */
const BYTES = 4 * 2 ** 20;

/**
 * Builds what a program started with from the files of this machine, as far as they can be read.
 */
export const elfImages: ElfImages = (path, { brk, top }) => {
  const machine = Machine.create({ bytes: BYTES, ramBytes: BYTES, host: new NodeFiles() });
  const process = machine.spawn();
  process.setPersonality(ADDR_NO_RANDOMIZE);
  const started = execPath(process, path);
  const lines = typeof started === 'number' ? null : placed(process, brk, top);
  process.exit();
  machine.tearDown();
  return lines;
};

function placed(process: Process, brk: number, top: number): MapsLine[] {
  const parsed = parseMaps(process.maps());
  const lines = Array.isArray(parsed) ? parsed.filter(({ name }) => name !== '[stack]') : [];
  const isWhereItWas = process.layout().startBrk === brk;
  const program = lines.filter(({ start }) => start < (isWhereItWas ? MAPPINGS : PIE_BASE));
  const mapped = lines.filter(({ start }) => start >= MAPPINGS);
  const shift = top - (mapped[0]?.start ?? top);
  return [...program, ...mapped.map((line) => moved(line, shift))].map(asLogged);
}

const moved = (line: MapsLine, shift: number): MapsLine => ({
  ...line,
  start: line.start + shift,
  end: line.end + shift,
});

/** A log names its files by their paths only, and so they may not have another identity here. */
const asLogged = (line: MapsLine): MapsLine => ({ ...line, devMajor: 0, devMinor: 0, ino: 0 });
