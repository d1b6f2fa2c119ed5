/**
 * /proc/PID/maps as an open file, read piece by piece.
 *
 *   read(4096)   whole lines, as many as 4096 bytes hold; what is held is let go with the last
 *   read(1)      a line is made, and its first byte given; the next read begins with the rest
 *
 * A read that takes the last byte of what was made makes one more line, as the kernel does.
 *
 * Between two reads nothing is held: the next line is of the first VMA that ends after the last.
 *
 * Source: fs/seq_file.c, seq_read_iter(), fs/proc/task_mmu.c, m_start(), v6.18.
 */
import { PAGE_SIZE } from '../arena/units.ts';
import type { Mm } from '../mm/held.ts';
import { vmEnd } from '../mm/vma_struct.ts';
import { ByteWriter } from './byte_writer.ts';
import { showMapVma, VSYSCALL_MAP } from './maps.ts';
import { walkVmas } from './vma_walk.ts';

export interface MapsFile {
  /** Bytes: the end of the VMA that was shown last; Infinity behind the last line of all. */
  at: number;
  /** What was made and not read. */
  rest: Uint8Array;
}

export const mapsFile = (): MapsFile => ({ at: 0, rest: new Uint8Array(0) });

/** The kernel makes at most a page of text at a time, or one line. */
const BUFFER = PAGE_SIZE;

/** @returns the next bytes, at most `count`, and none at the end. */
export function readMaps(file: MapsFile, mm: Mm, count: number): Uint8Array {
  const left = file.rest.subarray(0, count);
  file.rest = file.rest.subarray(left.length);
  const wanted = count - left.length;
  if (file.rest.length > 0 || count <= 0) return left;
  const lines = nextLines(file, mm, wanted);
  file.rest = lines.subarray(wanted);
  const bytes = new Uint8Array(left.length + Math.min(wanted, lines.length));
  bytes.set(left);
  bytes.set(lines.subarray(0, wanted), left.length);
  return bytes;
}

/** Whole lines, at least one: until there are `wanted` bytes, or no more fit. */
function nextLines(file: MapsFile, mm: Mm, wanted: number): Uint8Array {
  const out = new ByteWriter();
  if (file.at < Infinity) showMore(file, mm, out, wanted);
  return out.take();
}

function showMore(file: MapsFile, mm: Mm, out: ByteWriter, wanted: number): void {
  const isLast = walkVmas(mm, file.at, (vma) => {
    const isShown = !isEnough(out, wanted) && fits(out, () => showMapVma(out, mm, vma));
    if (isShown) file.at = vmEnd(vma);
    return isShown;
  });
  if (!isLast || isEnough(out, wanted)) return;
  if (fits(out, () => out.ascii(VSYSCALL_MAP))) file.at = Infinity;
}

const isEnough = (out: ByteWriter, wanted: number): boolean =>
  out.length > 0 && out.length >= wanted;

/** A line that is the first is always shown, however long. */
function fits(out: ByteWriter, show: () => void): boolean {
  const before = out.length;
  show();
  if (before === 0 || out.length < BUFFER) return true;
  out.cut(before);
  return false;
}
