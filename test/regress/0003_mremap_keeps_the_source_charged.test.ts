import { expect, it } from 'vitest';
import {
  hasFlag,
  MADV_GUARD_INSTALL,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  type Process,
  VM_ACCOUNT,
} from '../../src/index.ts';

const BASE = 0x200000000000;
const PAGE = 4096;

function charged(process: Process): number {
  const accounted = process.vmas().filter(({ flags }) => hasFlag(flags, VM_ACCOUNT));
  return accounted.reduce((sum, { start, end }) => sum + (end - start) / PAGE, 0);
}

/** Moves two pages of ten while the k-th allocation of a cache fails, for every k. */
function sweep(cache: string, prepare: (process: Process) => void): void {
  for (let skip = 0; skip < 12; skip++) {
    const machine = Machine.create({ bytes: 4 * 2 ** 20 });
    const process = machine.spawn();
    process.mmap(BASE, 10 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    prepare(process);
    machine.failAllocations(cache, skip, 1);
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    process.mremap(BASE + 4 * PAGE, 2 * PAGE, 2 * PAGE, flags, BASE + 40 * PAGE);
    machine.failAllocations(cache, 0, 0);
    expect(machine.report().committedPages, `${cache} ${skip}`).toBe(charged(process));
    process.exit();
    machine.tearDown();
  }
}

// A source that could not be unmapped lost VM_ACCOUNT, and its charge was never given back.
it.each(['maple_node', 'vm_area_struct'])('a source that stays is charged, without %s', (cache) => {
  sweep(cache, () => undefined);
});

// A copy that was given up was uncharged, though the charge was its source's.
it('a copy that is given up leaves the charge to its source', () => {
  sweep('maple_node', (process) => void process.madvise(BASE + 4 * PAGE, PAGE, MADV_GUARD_INSTALL));
});
