import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kernel } from './kernel.ts';
import { whyNotLive } from './live_kernel.ts';
import { requestCall } from './request.ts';
import { SYSCALLS } from './syscalls.ts';

const reason = whyNotLive();
const PAGE = 4096;
const AT = 0x200000000000;
const ANON = 0x22;
const FIXED_ANON = 0x32;
const SIGBUS = 7;
const SIGSEGV = 11;
const MAPERR = 1;
const ACCERR = 2;
const ADRERR = 2;

describe.skipIf(reason !== undefined)(
  `the live kernel${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let kernel: Kernel;

    beforeAll(() => {
      kernel = Kernel.start();
    });

    afterAll(() => {
      kernel.stop();
    });

    function atMapped(): string[] {
      const own = kernel.vmas().filter((vma) => vma.start >= AT && vma.start < AT + (1 << 30));
      return own.map(
        (vma) => `${(Number(vma.start) - AT) / PAGE}-${(Number(vma.end) - AT) / PAGE}`,
      );
    }

    test('almost nothing is mapped at first, and nothing at random', () => {
      const paths = kernel.vmas().map((vma) => vma.path.replace(/^\/.*/, '/oracle'));
      const special = ['[vvar]', '[vvar_vclock]', '[vdso]', '[stack]', '[vsyscall]'];
      expect(paths).toEqual(['', '/oracle', ...special]);
      expect(kernel.maps()).toContain('7ffffffde000-7ffffffff000');
    });

    test('an address space is read whole, however much there is of it, and as it is now', () => {
      const room = 600 * 2 * PAGE;
      for (let i = 0; i < 600; i++) {
        kernel.call('mmap', AT + 2 * i * PAGE, PAGE, 1 + (i % 2), FIXED_ANON, -1, 0);
      }
      expect(kernel.smaps().length).toBeGreaterThan(2 * 65536);
      expect(kernel.maps().split('\n')).toHaveLength(kernel.vmas().length + 1);
      expect(atMapped()).toHaveLength(600);
      kernel.call('munmap', AT, room);
      expect(atMapped()).toEqual([]);
    });

    test('mappings come and go', () => {
      expect(kernel.call('mmap', AT, 3 * PAGE, 3, FIXED_ANON, -1, 0)).toBe(AT);
      expect(atMapped()).toEqual(['0-3']);
      expect(kernel.call('munmap', AT + PAGE, PAGE)).toBe(0);
      expect(atMapped()).toEqual(['0-1', '2-3']);
      expect(kernel.call('munmap', AT, 3 * PAGE)).toBe(0);
      expect(kernel.call('munmap', AT + 1, PAGE)).toBe(-22);
    });

    test('a word stored is loaded, and weighs in the sum of its page', () => {
      const addr = kernel.call('mmap', 0, PAGE, 3, ANON, -1, 0);
      expect(kernel.store(Number(addr) + 8, 5)).toMatchObject({ signal: 0 });
      expect(kernel.load(Number(addr) + 8)).toMatchObject({ signal: 0, value: 5n });
      expect(kernel.loadPage(addr)).toMatchObject({ signal: 0, value: 0n, sum: 15n });
    });

    test('signals are told apart: nothing mapped, not allowed, beyond the file', () => {
      expect(kernel.load(0x1000)).toMatchObject({ signal: SIGSEGV, code: MAPERR });
      const readOnly = kernel.call('mmap', 0, PAGE, 1, ANON, -1, 0);
      expect(kernel.store(readOnly, 1)).toMatchObject({ signal: SIGSEGV, code: ACCERR });
      const name = kernel.poke(0, Buffer.from('empty\0'));
      const fd = kernel.call('memfd_create', name, 0);
      const beyond = kernel.call('mmap', 0, PAGE, 1, 1, fd, 0);
      expect(kernel.load(beyond)).toMatchObject({ signal: SIGBUS, code: ADRERR });
    });

    test('a mapping that grows down grows when touched below', () => {
      kernel.call('mmap', AT, PAGE, 3, FIXED_ANON | 0x100, -1, 0);
      expect(kernel.store(AT - 2 * PAGE, 1)).toMatchObject({ signal: 0 });
      expect(kernel.vmas().some((vma) => Number(vma.start) === AT - 2 * PAGE)).toBe(true);
    });

    test('a batch of any length is answered in order', () => {
      const requests = Array.from({ length: 200 }, (_, i) =>
        requestCall(SYSCALLS.munmap, [i % 2, PAGE]),
      );
      const values = kernel.batch(requests).map((answer) => BigInt.asIntN(64, answer.value));
      expect(values).toEqual(requests.map((_, i) => (i % 2 === 0 ? 0n : -22n)));
    });

    test('poked bytes are peeked', () => {
      const bytes = Buffer.from('thirteen byte');
      kernel.poke(64, bytes);
      expect(kernel.peek(64, bytes.length)).toEqual(bytes);
    });

    test('a forked child has an address space of its own', () => {
      const addr = kernel.call('mmap', 0, PAGE, 3, ANON, -1, 0);
      kernel.store(addr, 1);
      const child = kernel.fork() as Kernel;
      expect(child.call('getpid')).toBe(child.pid);
      child.store(addr, 2);
      expect(kernel.load(addr).value).toBe(1n);
      expect(child.load(addr).value).toBe(2n);
      child.stop();
    });

    test('destroying the stub is an error here and nothing more', () => {
      const victim = Kernel.start();
      expect(() => victim.call('munmap', 0, 0x7fffffff0000)).toThrow('the stub died');
      victim.stop();
    });
  },
);
