import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from './kernel.ts';
import { denying } from './oracle_error.ts';
import { makeTempFolder } from './temp_folder.ts';

/** What each file number of a vector is; the order is part of the format. */
export const FILE_NOTES: readonly string[] = [
  'memfd 32 pages',
  'memfd 4 pages',
  'memfd opened O_RDONLY, 8 pages',
  'memfd 8 pages, seals WRITE|SHRINK|GROW',
  'regular file 8 pages - 1000 bytes',
  '/dev/zero',
  'memfd_secret 16 pages',
  'f0 opened again (other struct file)',
  'dup of f0',
  'memfd 8 pages, seal FUTURE_WRITE',
];

const PAGE = 4096;
const O_RDONLY = 0;
const O_RDWR = 2;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const SEALS_WRITE_SHRINK_GROW = 0xe;
const SEAL_FUTURE_WRITE = 0x10;
const ST_DEV = 0;
const ST_INO = 8;
const STAT_BYTES = 144;

/** The files of a subject: fds by file number, and the file number by what maps shows. */
export interface SubjectFiles {
  readonly fds: readonly number[];
  /** "dev inode" as in /proc/PID/maps to file number; the first opening of an inode wins. */
  readonly numbers: ReadonlyMap<string, number>;
}

/** The first word of page `page` of file `file`. */
export function fileWord(file: number, page: number): bigint {
  return 0xf000000000000000n | (BigInt(file) << 32n) | BigInt(page);
}

/** Opens the ten files in the process and fills them. */
export function openSubjectFiles(kernel: Kernel): SubjectFiles {
  const f0 = openMemfd(kernel, 0, 32);
  const fds = [
    f0,
    openMemfd(kernel, 1, 4),
    reopen(kernel, openMemfd(kernel, 2, 8), O_RDONLY),
    seal(kernel, openMemfd(kernel, 3, 8), SEALS_WRITE_SHRINK_GROW),
    openRegular(kernel),
    openPath(kernel, '/dev/zero', O_RDWR),
    openSecret(kernel),
    reopen(kernel, f0, O_RDWR),
    kernel.must('dup', f0),
    seal(kernel, openMemfd(kernel, 9, 8), SEAL_FUTURE_WRITE),
  ];
  return { fds, numbers: numbersByInode(kernel, fds) };
}

function text(kernel: Kernel, string: string): number {
  return kernel.poke(0, Buffer.from(`${string}\0`));
}

function openPath(kernel: Kernel, path: string, flags: number): number {
  return kernel.must('open', text(kernel, path), flags);
}

function openMemfd(kernel: Kernel, file: number, pages: number): number {
  const fd = kernel.must('memfd_create', text(kernel, `f${file}`), MFD_ALLOW_SEALING);
  kernel.must('ftruncate', fd, pages * PAGE);
  for (let page = 0; page < pages; page++) {
    const word = Buffer.alloc(8);
    word.writeBigUInt64LE(fileWord(file, page));
    kernel.must('pwrite64', fd, kernel.poke(0, word), 8, page * PAGE);
  }
  return fd;
}

function reopen(kernel: Kernel, fd: number, flags: number): number {
  return openPath(kernel, `/proc/self/fd/${fd}`, flags);
}

function seal(kernel: Kernel, fd: number, seals: number): number {
  kernel.must('fcntl', fd, F_ADD_SEALS, seals);
  return fd;
}

function openSecret(kernel: Kernel): number {
  const fd = kernel.must('memfd_secret', 0);
  kernel.must('ftruncate', fd, 16 * PAGE);
  return fd;
}

function openRegular(kernel: Kernel): number {
  const folder = makeTempFolder();
  const path = join(folder, 'f4');
  try {
    denying('open', () => writePageByPage(path, 4, 8 * PAGE - 1000));
    return openPath(kernel, path, O_RDWR);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In one piece it would be cached in folios of several pages, which are mapped as a whole. */
function writePageByPage(path: string, file: number, size: number): void {
  const fd = openSync(path, 'w');
  for (let at = 0; at < size; at += PAGE) {
    const bytes = Buffer.alloc(Math.min(PAGE, size - at));
    bytes.writeBigUInt64LE(fileWord(file, at / PAGE));
    writeSync(fd, bytes, 0, bytes.length, at);
  }
  closeSync(fd);
}

function numbersByInode(kernel: Kernel, fds: readonly number[]): Map<string, number> {
  const numbers = new Map<string, number>();
  fds.forEach((fd, file) => {
    kernel.must('fstat', fd, kernel.poke(0, Buffer.alloc(STAT_BYTES)));
    const stat = kernel.peek(0, STAT_BYTES);
    const key = `${deviceName(stat.readUInt32LE(ST_DEV))} ${stat.readBigUInt64LE(ST_INO)}`;
    if (!numbers.has(key)) numbers.set(key, file);
  });
  return numbers;
}

/** How maps prints a device number: major and minor, two hex digits or more. */
function deviceName(dev: number): string {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}
