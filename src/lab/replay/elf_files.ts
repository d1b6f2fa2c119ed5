import { closeSync, openSync, readSync, realpathSync } from 'node:fs';
import type { ElfImages } from './births.ts';
import { type Elf, imageEnd, linesOfElf, parseElf, specialLines } from './elf.ts';
import type { MapsLine } from './maps_text.ts';

/** Program headers stand at the beginning; so does a `#!` line. */
const HEAD_BYTES = 64 * 1024;
/** Where a position-independent program goes when nothing is random. */
const PIE_BASE = 0x555555554000;
/** A `#!` line may name another script, a few times. */
const MOST_SCRIPTS = 4;

/**
 * Builds what a program started with from the files of this machine, as far as they can be read.
 */
export const elfImages: ElfImages = (path, { brk, top }) => {
  const program = readProgram(path);
  if (program === null) return null;
  const lines = programLines(program, brk);
  const special = specialLines(top);
  const loader = program.elf.loader === null ? null : readProgram(program.elf.loader);
  const below = loader === null ? [] : linesOfElf(loader.elf, loader.path, special.end);
  return [...lines, ...special.lines, ...below].toSorted((a, b) => a.start - b.start);
};

interface Program {
  /** As maps shows it. */
  readonly path: string;
  readonly elf: Elf;
}

/** Where a program lies that may go anywhere shows in its heap, when nothing is random. */
function programLines({ path, elf }: Program, brk: number): MapsLine[] {
  if (elf.isFixed) return linesOfElf(elf, path, 0);
  return brk === PIE_BASE + imageEnd(elf) ? linesOfElf(elf, path, PIE_BASE) : [];
}

function readProgram(given: string): Program | null {
  let path = given;
  for (let i = 0; i < MOST_SCRIPTS; i++) {
    const head = readHead(path);
    if (head === null) return null;
    const script = /^#! *([^\s]+)/.exec(
      new TextDecoder('latin1').decode(head.subarray(0, 256)),
    )?.[1];
    if (script === undefined) {
      const elf = parseElf(head);
      return elf === null ? null : { path: realpathSync(path), elf };
    }
    path = script;
  }
  return null;
}

/** @returns null for a file that cannot be read: then the log has to do. */
function readHead(path: string): Uint8Array | null {
  try {
    const fd = openSync(path, 'r');
    const bytes = new Uint8Array(HEAD_BYTES);
    const length = readSync(fd, bytes, 0, HEAD_BYTES, 0);
    closeSync(fd);
    return bytes.subarray(0, length);
  } catch {
    return null;
  }
}
