/** Operations of format 2, recorded on the live kernel now, and run again by the engine. */
import { getuid } from 'node:process';
import { describe, expect, it } from 'vitest';
import { conform } from '../../src/lab/conform/conform.ts';
import { parseVector, type VectorRecord } from '../../src/lab/conform/vector.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { record } from '../../src/lab/oracle/recorder.ts';
import { scriptSource } from '../../src/lab/oracle/script.ts';

const reason = whyNotLive();
const why = reason === undefined ? '' : ` (skipped: ${reason})`;
const NOBODY = 65534;
const own = getuid?.() ?? 0;
const PLAIN = { uid: own === 0 ? NOBODY : own };
const ROOT = { uid: own };

/** Records `p operation` lines, demands that the engine agrees, and gives the records. */
function agreed(
  steps: readonly string[],
  { uid }: { uid: number } = ROOT,
): readonly VectorRecord[] {
  const parsed = steps.map((step) => {
    const process = Number(/^\d+(?=: )/u.exec(step)?.[0] ?? 0);
    return { process, operation: step.replace(/^\d+: /u, '') };
  });
  const title = { profile: 'steps', seed: 0, ops: steps.length, uid };
  const vector = parseVector(record(title, scriptSource({ title, steps: parsed })).join('\n'));
  expect(conform(vector).findings).toEqual([]);
  return vector.records;
}

const results = (records: readonly VectorRecord[]): unknown[] => records.map(({ r }) => r);

const MAP = 'mmap 0x200000000000 0x4000 3 0x32 -1 0x0';

describe.skipIf(reason !== undefined)(`operations of format 2${why}`, () => {
  it('rlimit AS: what is mapped already counts', () => {
    const steps = ['rlimit AS 0x400000', MAP, 'mmap 0 0x400000 3 0x22 -1 0', 'rlimit AS -1'];
    const records = agreed([...steps, 'mmap 0 0x400000 3 0x22 -1 0', 'totals']);
    expect(results(records).slice(0, 4)).toEqual([0, '200000000000', -12, 0]);
  });

  it('rlimit AS: to the page', () => {
    const [before] = agreed(['totals']);
    const kb = before?.totals?.[0] ?? 0;
    const limit = `rlimit AS ${(kb + 16) * 1024}`;
    expect(results(agreed([limit, 'mmap 0 0x5000 0 0x22 -1 0', MAP]))).toEqual([
      0,
      -12,
      '200000000000',
    ]);
  });

  it('rlimit DATA: private writable memory, and the heap', () => {
    const steps = [
      'rlimit DATA 0x100000',
      'mmap 0 0x40000 3 0x22 -1 0',
      'mmap 0 0x40000 1 0x22 -1 0',
    ];
    const records = agreed([...steps, 'brk 0x40000', 'brk 4096', 'totals', 'rlimit DATA 0', MAP]);
    expect(records[1]?.r).toBe(-12);
    expect(records[3]?.r).toBe(0);
    expect(records[4]?.r).toBe(4096);
  });

  it('rlimit STACK: how far a mapping grows down', () => {
    const steps = ['mmap 0x200000100000 0x1000 3 0x132 -1 0', 'rlimit STACK 0x4000'];
    const stores = ['st 0x2000000fd000 0x1000 1', 'st 0x2000000fc000 0x1000 1', 'totals'];
    const records = agreed([...steps, ...stores]);
    expect(records[2]?.t).toEqual([1]);
    expect(records[3]?.t).toEqual(['S1']);
  });

  it('rlimit MEMLOCK: of an ordinary user', () => {
    const steps = ['rlimit MEMLOCK 0x2000', MAP, 'mlock 0x200000000000 0x2000', 'totals'];
    const more = ['mlock 0x200000002000 0x1000', 'mlockall 1', 'rlimit MEMLOCK -1'];
    const records = agreed([...steps, ...more], PLAIN);
    expect(results(records).slice(4, 6)).toEqual([-12, -12]);
    expect(records[3]?.totals?.[1]).toBe(8);
  });

  it('rlimit NPROC: a fork is refused to an ordinary user, and a copy inherits it', () => {
    const steps = ['fork 1', 'rlimit NPROC 1', 'fork 2', '1: fork 2', '2: rlimit NPROC 0'];
    const records = agreed([...steps, '2: fork 3'], PLAIN);
    expect(results(records)).toEqual(['child 1', 0, -11, 'child 2', 0, -11]);
  });

  it('mlockall and munlockall: what is there, what comes, what is touched', () => {
    const locks = [1, 2, 3, 4, 5, 6, 7, 8, 0].flatMap((flags) => [
      `mlockall ${flags}`,
      'mmap 0 0x2000 3 0x22 -1 0',
      'mmap 0 0x2000 1 1 0 0',
      'totals',
    ]);
    const records = agreed([MAP, ...locks, 'munlockall', 'totals', 'fork 1', '1: totals']);
    expect(records.at(-1)?.totals?.[1]).toBe(0);
    expect(records[4]?.totals?.[1]).toBeGreaterThan(16);
  });

  it('mdwe: nothing becomes executable afterwards', () => {
    const steps = ['mdwe 2', 'mdwe 4', 'mdwe 0x100000000', 'mdwe 1', 'mdwe 3', 'mdwe 0', MAP];
    const more = ['mprotect 0x200000000000 0x1000 5', 'mmap 0 0x1000 7 0x22 -1 0', 'fork 1'];
    const records = agreed([...steps, ...more, '1: mmap 0 0x1000 7 0x22 -1 0']);
    expect(results(records)).toEqual(
      [-22, -22, -22, 0, -1, -1, '200000000000', -13, -13].concat(['child 1', -13]),
    );
  });

  it('personality: gives the old one, and what is readable may become executable', () => {
    const steps = ['personality 0xffffffff', 'personality 0x440000', 'personality -1', MAP];
    const records = agreed([...steps, 'mprotect 0x200000000000 0x1000 1', 'personality 0']);
    expect(results(records)).toEqual([0x40000, 0x40000, 0x440000, '200000000000', 0, 0x440000]);
    expect(records[3]?.vmas?.at(-1)?.[2]).toBe('rwxp');
  });

  it('pkeymprotect: no key, key 0, keys that nobody has', () => {
    const keys = [-1, 0, 1, 15, 16].map((key) => `pkeymprotect 0x200000000000 0x1000 1 ${key}`);
    const answers = results(agreed([MAP, ...keys]));
    expect(answers[1]).toBe(0);
    expect(answers[3]).toBe(-22);
  });

  it('punch: pages of a file go, from every mapping of it', () => {
    const files = Array.from({ length: 10 }, (_, file) => `mmap 0 0x8000 1 1 ${file} 0`);
    const punches = Array.from({ length: 10 }, (_, file) => `punch ${file} 0x1800 0x2900`);
    const odd = [
      'punch 0 -1 1',
      'punch 0 0 0',
      'punch 0 0 -1',
      'punch 0 0x7ffffffffffff000 0x1000',
    ];
    const odder = ['punch 99 0 0x1000', 'punch 99 -1 0', 'punch 6 0 -1', 'punch 5 0 0'];
    const records = agreed([...files, 'sweep', ...punches, 'sweep', ...odd, ...odder, 'sweep']);
    expect(records[11]?.r).toBe(0);
  });

  it('addseals: of memfds only, and only once for good', () => {
    const files = Array.from({ length: 10 }, (_, file) => `addseals ${file} 0x10`);
    const steps = [
      'addseals 0 0x20',
      'addseals 0 0x100',
      'addseals 0 0x100000008',
      'addseals 0 -1',
    ];
    const more = ['mmap 0x200000000000 0x2000 3 0x11 1 0', 'addseals 1 8', 'addseals 1 1'];
    const last = [
      'addseals 1 2',
      'addseals 99 1',
      'ftrunc 0 0',
      'punch 1 0 0x1000',
      'addseals 0 8',
    ];
    agreed([...more, ...files, ...steps, ...last]);
  });

  it('addseals: an executable memfd can no longer be written once it stays executable', () => {
    const map = 'mmap 0x200000000000 0x2000 3 0x11 1 0';
    const unmap = 'munmap 0x200000000000 0x2000';
    const steps = [map, 'addseals 1 0x20', unmap, 'addseals 1 0x20', map, 'ftrunc 1 0x8000'];
    expect(results(agreed(steps)).slice(1)).toEqual([-16, 0, 0, -1, -1]);
  });

  it('thread: one address space, with limits and locks for both, until both have exited', () => {
    const steps = [MAP, 'thread 1', '1: st 0x200000001000 0x1000 7', 'ld 0x200000001000 0x1000'];
    const more = ['1: munmap 0x200000000000 0x1000', '0: maps 1', '1: rlimit AS 0', '0: brk 4096'];
    const forks = [
      '1: rlimit AS -1',
      '1: fork 2',
      '2: munmap 0x200000001000 0x1000',
      '2: thread 3',
    ];
    const locks = ['1: mlockall 2', '0: mmap 0 0x1000 3 0x22 -1 0', '0: totals', '3: totals'];
    const exits = ['0: exit', '1: st 0x200000001000 0x3000 9', '1: totals', '1: thread 4'];
    const last = ['1: exit', '4: ld 0x200000001000 0x1000', '4: fork 5', '2: exit', '3: sweep'];
    const records = agreed([...steps, ...more, ...forks, ...locks, ...exits, ...last, '5: sweep']);
    expect(records[1]?.r).toBe('thread 1');
    expect(records[3]?.t).toEqual(['7']);
    expect(records[5]?.vmas?.at(-1)?.[0]).toBe('200000001000');
    expect(records[7]?.r).toBe(0);
  });

  it('thread: personality is its own, mdwe is not', () => {
    const steps = ['thread 1', '1: personality 0x400000', 'personality -1', '1: mdwe 1', 'mdwe 0'];
    expect(results(agreed(steps))).toEqual(['thread 1', 0x40000, 0x40000, 0, -1]);
  });

  it('thread: the userfaultfd stays until the last one has exited', () => {
    const steps = [
      MAP,
      'thread 1',
      'uffd 0x200000000000 0x2000 1',
      '1: uffd 0x200000000000 0x1000 1',
    ];
    const after = ['1: ld 0x200000000000 0x3000', 'exit', '1: ld 0x200000000000 0x3000'];
    const records = agreed([...steps, ...after, '1: unuffd 0x200000000000 0x1000']);
    expect(records[6]?.t).toEqual(['B2', 'B2', '0']);
  });

  it('thread: counts for RLIMIT_NPROC', () => {
    const steps = ['thread 1', '1: rlimit NPROC 1', 'thread 2', '1: thread 3'];
    expect(results(agreed(steps, PLAIN))).toEqual(['thread 1', 0, -11, -11]);
  });

  it('totals: of every kind of mapping, and of a copy', () => {
    const kinds = ['3 0x22', '1 0x22', '3 0x21', '3 0x122', '7 0x22', '0 0x22', '3 0x2022'];
    const maps = kinds.flatMap((kind) => [`mmap 0 0x6000 ${kind} -1 0`, 'totals']);
    const records = agreed([...maps, 'brk 0x3000', 'totals', 'fork 1', '1: totals']);
    expect(records[1]?.totals).toHaveLength(4);
  });
});
