import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { whyNotLive } from '../../lab/oracle/live_kernel.ts';
import { Twin, type TwinWord } from '../../../test/twin.ts';
import {
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_HUGEPAGE,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WIPEONFORK,
  Machine,
  MAP_ANONYMOUS,
  MAP_DROPPABLE,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_STACK,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';

const reason = whyNotLive();
const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const at = (page: number): number => BASE + page * PAGE_SIZE;

describe.skipIf(reason !== undefined)(
  `maps and smaps, byte for byte${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let folder = '';
    let twin: Twin;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'vmaspace-maps-'));
    });

    afterAll(() => rmSync(folder, { recursive: true }));

    beforeEach(() => {
      twin = Twin.start();
    });

    afterEach(() => twin.stop());

    type Call = Parameters<Twin['call']>;

    /** Makes a call in both; results and maps must be the same. */
    function both(...call: Call): TwinWord {
      const [theirs, ours] = twin.call(...call);
      expect(ours, `${call[0]}(${call.slice(1).join(', ')})`).toBe(theirs);
      expectSameMaps();
      return ours;
    }

    function expectSameMaps(): void {
      const [theirs, ours] = twin.maps();
      expect(ours).toBe(theirs);
    }

    function expectSameSmaps(from = BASE, to = BASE + 2 ** 40): void {
      const [theirs, ours] = twin.smaps(from, to);
      expect(theirs).not.toBe('');
      expect(ours).toBe(theirs);
    }

    it('X-13 a process that has just started', expectSameMaps);

    it('X-13 anonymous memory: placed, split, merged, moved, unmapped', () => {
      const free = Number(both('mmap', 0, 4 * PAGE_SIZE, RW, ANON, -1, 0));
      both('mmap', 0, 2 * PAGE_SIZE, RW, ANON, -1, 0);
      both('mmap', 0, 3 * 2 ** 20, PROT_READ, ANON, -1, 0);
      both('mmap', 0, 2 * 2 ** 21, RW, ANON, -1, 0);
      both('mprotect', free + PAGE_SIZE, PAGE_SIZE, PROT_NONE);
      both('mprotect', free + PAGE_SIZE, PAGE_SIZE, RW);
      both('mremap', free, PAGE_SIZE, 9 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
      both('mremap', free + PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at(7));
      both('munmap', free + 2 * PAGE_SIZE, PAGE_SIZE);
      both('mmap', at(20), PAGE_SIZE, PROT_EXEC, ANON | MAP_FIXED, -1, 0);
      both('mmap', 0x10000, PAGE_SIZE, 0, ANON | MAP_FIXED, -1, 0); // eight digits and no more
      both('mmap', 0x7fffffffe000, PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0);
    });

    it('X-13 shared memory, memfds and files, with their numbers and offsets', () => {
      both('mmap', at(0), 2 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      both('mmap', at(2), 2 * PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      both('munmap', at(1), PAGE_SIZE);
      const memfd = twin.memfd('a name', 16);
      both('mmap', at(10), 2 * PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, memfd, 3 * PAGE_SIZE);
      both('mmap', at(12), 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, memfd, 5 * PAGE_SIZE);
      const path = join(folder, 'a file with spaces');
      writeFileSync(path, Buffer.alloc(8 * PAGE_SIZE));
      const file = twin.file(path, 'rw');
      both('mmap', at(20), 4 * PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0);
      both('mmap', at(24), PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, file, 0x12345000);
      both('mprotect', at(21), PAGE_SIZE, RW);
      const readOnly = twin.file(path, 'r');
      both('mmap', at(30), PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, readOnly, 0);
      expectSameSmaps();
    });

    it('X-13 a newline in a path does not end the line', () => {
      const path = join(folder, 'two\nlines');
      writeFileSync(path, Buffer.alloc(PAGE_SIZE));
      both('mmap', at(0), PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, twin.file(path, 'r'), 0);
      expect(twin.process.maps()).toContain('two\\012lines');
    });

    it('X-13 the heap is named as far as brk says', () => {
      const start = Number(twin.kernel.call('brk', 0));
      both('brk', start + 3 * PAGE_SIZE);
      both('brk', start + 5 * PAGE_SIZE + 1);
      both('mprotect', start + PAGE_SIZE, PAGE_SIZE, PROT_READ);
      both('brk', start + PAGE_SIZE);
      both('brk', start);
    });

    it('X-13 smaps of memory that was never touched, flag by flag', () => {
      const advice = [MADV_SEQUENTIAL, MADV_RANDOM, MADV_DONTFORK, MADV_WIPEONFORK, MADV_DONTDUMP];
      const more = [MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE];
      both('mmap', at(0), 40 * PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0);
      for (const [i, each] of [...advice, ...more].entries())
        both('madvise', at(2 * i), PAGE_SIZE, each);
      both('mmap', at(50), PAGE_SIZE, RW, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0);
      both('mmap', at(52), PAGE_SIZE, RW, ANON | MAP_FIXED | MAP_STACK, -1, 0);
      both('mmap', at(600), PAGE_SIZE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
      both('mmap', at(54), PAGE_SIZE, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      both('mmap', at(56), PAGE_SIZE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
      both('mlock2', at(50), PAGE_SIZE, 1); // on fault: locked, and not touched
      both('mseal', at(56), PAGE_SIZE, 0);
      expectSameSmaps();
    });

    it('X-13 a huge page fits or does not: THPeligible', () => {
      const huge = 2 ** 21;
      both('mmap', BASE, 3 * huge, RW, ANON | MAP_FIXED, -1, 0);
      both('madvise', BASE + PAGE_SIZE, huge, MADV_HUGEPAGE);
      expectSameSmaps();
      both('madvise', BASE, 2 * huge, MADV_HUGEPAGE);
      expectSameSmaps();
    });

    it('X-13 smaps of vvar and the gate', () => {
      const tail = (text: string): string => text.slice(text.indexOf('ffffffffff600000-'));
      expect(tail(twin.process.smaps())).toBe(tail(twin.kernel.smaps()));
      const vvar = twin.kernel.vmas().find(({ path }) => path === '[vvar]');
      expectSameSmaps(Number(vvar?.start), Number(vvar?.end));
    });
  },
);

describe('maps', () => {
  it('S3-11 an address space without VMAs is one line, of the gate', () => {
    const machine = Machine.create({ bytes: 4 * 2 ** 20 });
    const process = machine.spawn();
    expect(process.maps()).toMatch(
      /^ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 +\[vsyscall\]\n$/u,
    );
    expect(process.vmas()).toEqual([]);
    expect(process.find(0)).toBe(null);
    process.verify();
    process.exit();
    machine.tearDown();
  });

  it('names: a given one, of private and of shared memory', () => {
    const machine = Machine.create({ bytes: 4 * 2 ** 20 });
    const process = machine.spawn();
    process.mmap(at(0), PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0);
    process.mmap(at(2), PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    process.setAnonName(at(0), PAGE_SIZE, 'a b');
    process.setAnonName(at(2), PAGE_SIZE, 'c');
    const [first, second] = process.maps().split('\n');
    expect(first).toBe(
      `200000000000-200000001000 rw-p 00000000 00:00 0 `.padEnd(73) + '[anon:a b]',
    );
    expect(second).toMatch(
      /^200000002000-200000003000 rw-s 00000000 00:01 \d+ +\[anon_shmem:c\]$/u,
    );
    expect(second?.indexOf('[')).toBe(73);
    process.exit();
    machine.tearDown();
  });

  it('two hundred thousand bytes of it: more than one buffer', () => {
    const machine = Machine.create({ bytes: 8 * 2 ** 20 });
    const process = machine.spawn();
    for (let i = 0; i < 4000; i++) process.mmap(at(2 * i), PAGE_SIZE, RW, ANON | MAP_FIXED, -1, 0);
    const lines = process.maps().split('\n');
    expect(lines.length).toBe(4002);
    expect(lines[3999]).toMatch(/^200001f3e000-200001f3f000 /u);
    process.exit();
    machine.tearDown();
  });
});
