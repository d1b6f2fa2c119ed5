import { closeSync, openSync, readSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Kernel, ownUid } from './kernel.ts';
import { whyNotLive } from './live_kernel.ts';
import { openSubjectFiles } from './subject_files.ts';

const reason = whyNotLive() ?? (ownUid() === 0 ? undefined : 'the numbers of pages are for root.');
const PAGE = 4096;
const PRESENT = 1n << 63n;
const PFN_MASK = (1n << 55n) - 1n;
const COMPOUND = (1n << 15n) | (1n << 16n); // head and tail of a folio of several pages

function wordAt(path: string, index: number): bigint {
  const fd = openSync(path, 'r');
  const word = Buffer.alloc(8);
  readSync(fd, word, 0, 8, index * 8);
  closeSync(fd);
  return word.readBigUInt64LE();
}

/** The flags of each page of a file, touched through a mapping. */
function pageFlags(kernel: Kernel, fd: number, pages: number): bigint[] {
  const addr = Number(kernel.call('mmap', 0, pages * PAGE, 1, 1, fd, 0));
  const flags = Array.from({ length: pages }, (_, i) => {
    kernel.load(addr + i * PAGE);
    const entry = wordAt(`/proc/${kernel.pid}/pagemap`, addr / PAGE + i);
    expect(entry & PRESENT).toBe(PRESENT);
    return wordAt('/proc/kpageflags', Number(entry & PFN_MASK));
  });
  kernel.call('munmap', addr, pages * PAGE);
  return flags;
}

test.skipIf(reason !== undefined)(
  `the regular file is cached page by page, cut and grown as well${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    const kernel = Kernel.start();
    const fd = openSubjectFiles(kernel).fds[4] ?? -1;
    const isWhole = (flags: bigint): boolean => (flags & COMPOUND) !== 0n;
    expect(pageFlags(kernel, fd, 8).filter(isWhole)).toEqual([]);
    for (const size of [0x2800, 0x18000, 0, 0x18000]) {
      expect(kernel.call('ftruncate', fd, size)).toBe(0);
      expect(pageFlags(kernel, fd, Math.ceil(size / PAGE)).filter(isWhole)).toEqual([]);
    }
    kernel.stop();
  },
);
