import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isGone } from './death.ts';
import { Kernel, ownUid } from './kernel.ts';
import { whyNotLive } from './live_kernel.ts';
import { type Request, requestCall, requestLoad } from './request.ts';
import { SYSCALLS } from './syscalls.ts';

const reason = whyNotLive();
const PAGE = 4096;
const AT = 0x200000000000;
const LEN = 64 * PAGE;
const FIXED_ANON = 0x32;
const SIGSEGV = 11;
const MAPERR = 1;
const ROUNDS = 4;
const BATCHES = 8;
const NAP_NS = 50_000;
const TRIES = 4000;
const UFFD_API = 0xaan;
const UFFDIO_API = 0xc018aa3f;
const UFFDIO_REGISTER = 0xc020aa00;
const UFFDIO_COPY = 0xc028aa03;
const USER_MODE_ONLY = 1;

const MAP: Request = requestCall(SYSCALLS.mmap, [AT, LEN, 3, FIXED_ANON, -1, 0]);
const UNMAP: Request = requestCall(SYSCALLS.munmap, [AT, LEN]);
/** Takes long enough that the other thread's calls fall into it. */
const LOAD_ALL: Request = [1n, BigInt(AT), BigInt(LEN / 8)];

const whole = (...requests: readonly Request[]): Request[] =>
  Array.from({ length: 64 }, (_, i) => requests[i % requests.length] as Request);

function words(...values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => bytes.writeBigUInt64LE(BigInt(value), i * 8));
  return bytes;
}

describe.skipIf(reason !== undefined)(
  `threads of the live kernel${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    let kernel: Kernel;
    let thread: Kernel;

    beforeEach(() => {
      kernel = Kernel.start();
      thread = kernel.thread() as Kernel;
    });

    afterEach(() => {
      thread.stop();
      kernel.stop();
    });

    /** Lets the other thread run. */
    const nap = (): Request =>
      requestCall(SYSCALLS.nanosleep, [kernel.poke(128, words(0, NAP_NS)), 0]);

    /** One thread loads while the other makes calls. @returns the signals that the first met. */
    function loadWhile(calls: readonly Request[]): Set<number> {
      const signals = new Set<number>();
      for (let i = 0; i < ROUNDS; i++) {
        for (let j = 0; j < BATCHES; j++) {
          thread.post(whole(LOAD_ALL));
          kernel.post(calls);
        }
        for (const { signal } of thread.take(64 * BATCHES)) signals.add(signal);
        kernel.take(64 * BATCHES);
      }
      return signals;
    }

    /** Waits until a process or thread is gone. */
    function ends(pid: number): boolean {
      for (let i = 0; i < TRIES; i++) if (isGone(pid)) return true;
      return false;
    }

    test('have one address space and one process, and numbers of their own', () => {
      expect(thread.call('getpid')).toBe(kernel.pid);
      expect(thread.pid).not.toBe(kernel.pid);
      thread.one(MAP);
      thread.store(AT, 5);
      expect(kernel.load(AT).value).toBe(5n);
      expect(thread.vmas()).toEqual(kernel.vmas());
    });

    test('meet their own signals, each on its own stack', () => {
      kernel.post(whole(requestLoad(0x1000n)));
      thread.post(whole(requestLoad(0x2000n)));
      const met = [...thread.take(64), ...kernel.take(64)];
      expect(met.every(({ signal, code }) => signal === SIGSEGV && code === MAPERR)).toBe(true);
    });

    test('a page that MAP_FIXED replaces is never missing', () => {
      kernel.one(MAP);
      expect([...loadWhile(whole(MAP, MAP, MAP, MAP, MAP, MAP, nap()))]).toEqual([0]);
    });

    test('a page that munmap takes away and mmap gives back is missing now and then', () => {
      kernel.one(MAP);
      expect(loadWhile(whole(UNMAP, nap(), MAP, nap()))).toEqual(new Set([0, SIGSEGV]));
    });

    test('a thread that sleeps in a userfaultfd fault is woken by another', () => {
      kernel.one(MAP);
      const flags = ownUid() === 0 ? 0 : USER_MODE_ONLY;
      const fd = kernel.call('userfaultfd', flags);
      expect(kernel.call('ioctl', fd, UFFDIO_API, kernel.poke(0, words(UFFD_API, 0, 0)))).toBe(0);
      const range = kernel.poke(0, words(AT, PAGE, 1, 0));
      expect(kernel.call('ioctl', fd, UFFDIO_REGISTER, range)).toBe(0);
      thread.post([requestLoad(BigInt(AT))]);
      const message = kernel.poke(64, Buffer.alloc(32));
      expect(kernel.call('read', fd, message, 32)).toBe(32); // sleeps until the fault is there
      const source = Number(kernel.call('mmap', 0, PAGE, 3, 0x22, -1, 0));
      kernel.store(source, 77);
      const copy = kernel.poke(0, words(AT, source, PAGE, 0, 0));
      expect(kernel.call('ioctl', fd, UFFDIO_COPY, copy)).toBe(0);
      expect(thread.take(1)).toMatchObject([{ signal: 0, value: 77n }]);
    });

    test('one exits and the others stay; its area goes to the next', () => {
      thread.stop();
      expect(ends(thread.pid)).toBe(true);
      expect(kernel.call('getpid')).toBe(kernel.pid);
      const next = kernel.thread() as Kernel;
      expect(next.poke(0, Buffer.alloc(8))).toBe(0x30e000);
      next.stop();
    });

    test('the first thread of a copy exits, and the copy goes on without it', () => {
      const child = kernel.fork() as Kernel;
      const other = child.thread() as Kernel;
      child.stop();
      expect(ends(child.pid)).toBe(true);
      expect(other.call('getpid')).toBe(child.pid);
      expect(other.vmas().length).toBe(kernel.vmas().length);
      other.stop();
      expect(ends(other.pid)).toBe(true);
    });

    test('a thread forks, and the copy has that thread alone', () => {
      thread.one(MAP);
      const child = thread.fork() as Kernel;
      child.store(AT, 6);
      expect(thread.load(AT).value).toBe(0n);
      const own = child.thread() as Kernel;
      expect(own.load(AT).value).toBe(6n);
      thread.stop();
      kernel.stop();
      expect(own.call('getpid')).toBe(child.pid);
      own.stop();
      child.stop();
      expect(ends(child.pid)).toBe(true);
    });

    test('there are at most sixteen', () => {
      const all = Array.from({ length: 14 }, () => kernel.thread() as Kernel);
      expect(all.map((one) => one.call('getpid'))).toEqual(all.map(() => kernel.pid));
      expect(() => kernel.thread()).toThrow('at most 16 threads');
      for (const one of all) one.stop();
    });
  },
);
