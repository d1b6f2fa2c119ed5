/** /proc/PID/maps, ours or the kernel's, read so that a reader stands between two lines. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Process } from '../../src/index.ts';

/** One open file: a read makes the lines that it needs and no more. */
export interface MapsLines {
  /** One line without its newline; null at the end. */
  line(): string | null;
  /** At most `count` bytes. */
  read(count: number): string;
  close(): void;
}

export function ourLines(process: Process): MapsLines {
  const read = process.openMaps();
  const text = (count: number): string => Buffer.from(read(count)).toString('latin1');
  return { line: () => lineOf(text), read: text, close: () => undefined };
}

export function kernelLines(pid: number): MapsLines {
  const fd = openSync(`/proc/${pid}/maps`, 'r');
  const buffer = Buffer.alloc(8192);
  const text = (count: number): string =>
    buffer.toString('latin1', 0, readSync(fd, buffer, 0, count, null));
  return { line: () => lineOf(text), read: text, close: () => closeSync(fd) };
}

/** Byte by byte: the first makes the line, and none makes the next. */
function lineOf(text: (count: number) => string): string | null {
  let line = '';
  for (let byte = text(1); byte !== '\n'; byte = text(1)) {
    if (byte === '') return null;
    line += byte;
  }
  return line;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

export function rangeOf(line: string): Range {
  const [start = '', end = ''] = line.split(/[- ]/u);
  return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) };
}
