/**
 * MAP_DROPPABLE was refused after mlockall(MCL_FUTURE), which only MAP_LOCKED of the same call is.
 * And huge pages of a type that no file can be mapped with were out of memory. Programs with
 * mlockall, recorded on the live kernel, found both.
 */
import { describe, expect, it } from 'vitest';
import {
  EINVAL,
  ENOMEM,
  Machine,
  MAP_ANONYMOUS,
  MAP_DROPPABLE,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_PRIVATE,
  MCL_FUTURE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const RW = PROT_READ | PROT_WRITE;

describe('mmap of an unusual type', () => {
  it('may be droppable and come after mlockall', () => {
    const machine = Machine.create();
    const process = machine.spawn();
    const map = (flags: number): number => process.mmap(0, 4096, RW, flags, -1, 0);
    expect(process.mlockall(MCL_FUTURE)).toBe(0);
    expect(map(MAP_DROPPABLE | MAP_ANONYMOUS)).toBeGreaterThan(0);
    expect(process.layout().lockedVm).toBe(0);
    expect(process.pageStats().map(({ anonymous }) => anonymous)).toEqual([4096]);
    expect(map(MAP_DROPPABLE | MAP_ANONYMOUS | MAP_LOCKED)).toBe(EINVAL);
    expect(map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB)).toBe(ENOMEM);
    expect(map(MAP_DROPPABLE | MAP_ANONYMOUS | MAP_HUGETLB)).toBe(EINVAL);
    expect(map(MAP_ANONYMOUS | MAP_HUGETLB)).toBe(EINVAL);
    process.exit();
    machine.tearDown();
  });
});
