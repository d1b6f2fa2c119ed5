/**
 * /proc/PID/maps.
 *
 *   start-end perms pgoff dev inode                       name, from column 73
 *
 * Source: fs/proc/task_mmu.c, show_map_vma(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeDevMajor, inodeDevMinor, inodeNumber } from '../file/inode.ts';
import type { Mm, Vma } from '../mm/held.ts';
import { hasFlag, VM_ACCESS_FLAGS, VM_MAYSHARE, type VmFlags } from '../mm/vm_flags.ts';
import { vmEnd, vmFile, vmFlags, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { ByteWriter } from './byte_writer.ts';
import { hasName, writeVmaName } from './vma_name.ts';
import { walkVmas } from './vma_walk.ts';

const NAME_COLUMN = 73;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const DASH = 0x2d;
const COLON = 0x3a;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const ANONYMOUS = bytesOf('00000000 00:00 0 ');

/** ' rwxp ' for each value of the three access flags, and again with 's'. */
const PERMS = Array.from({ length: 16 }, (_, bits) => {
  const letters = ['r', 'w', 'x'].map((letter, bit) => ((bits >> bit) & 1 ? letter : '-'));
  return bytesOf(` ${letters.join('')}${bits < 8 ? 'p' : 's'} `);
});

function permsText(flags: VmFlags): Uint8Array {
  const perms = PERMS[(flags & VM_ACCESS_FLAGS) | (hasFlag(flags, VM_MAYSHARE) ? 8 : 0)];
  assert(perms !== undefined, 'access flags are the lowest three');
  return perms;
}

/** The last line of every process, which no VMA stands for. */
export const VSYSCALL_MAP =
  'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n';

/** @returns the text that the kernel shows of the same VMAs, byte for byte. */
export function mapsText(mm: Mm): string {
  const out = new ByteWriter();
  walkVmas(mm, 0, (vma) => showMapVma(out, mm, vma));
  out.ascii(VSYSCALL_MAP);
  return out.text();
}

/** One line, with its newline. */
export function showMapVma(out: ByteWriter, mm: Mm, vma: Vma): void {
  const lineStart = out.startLine();
  out.hex(vmStart(vma), 8);
  out.byte(DASH);
  out.hex(vmEnd(vma), 8);
  out.bytes(permsText(vmFlags(vma)));
  showBacking(out, vma);
  showName(out, { mm, vma, lineStart });
  out.byte(NEWLINE);
}

function showBacking(out: ByteWriter, vma: Vma): void {
  const file = vmFile(vma);
  if (file === NULL) return out.bytes(ANONYMOUS);
  const inode = fileInode(file);
  out.hex(vmPgoff(vma) * PAGE_SIZE, 8);
  out.byte(SPACE);
  out.hex(inodeDevMajor(inode), 2);
  out.byte(COLON);
  out.hex(inodeDevMinor(inode), 2);
  out.byte(SPACE);
  out.ascii(`${inodeNumber(inode)} `);
}

interface Line {
  readonly mm: Mm;
  readonly vma: Vma;
  readonly lineStart: number;
}

function showName(out: ByteWriter, line: Line): void {
  if (!hasName(line.mm, line.vma)) return;
  out.padTo(line.lineStart, NAME_COLUMN);
  writeVmaName(out, line, (path) => showPath(out, path));
}

/** A newline in a path would break the line it stands in. */
function showPath(out: ByteWriter, path: Uint8Array): void {
  for (const byte of path) {
    if (byte === NEWLINE) out.ascii('\\012');
    else out.byte(byte);
  }
}
