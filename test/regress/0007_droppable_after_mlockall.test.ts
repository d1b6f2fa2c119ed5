/**
 * MAP_DROPPABLE memory cannot be mapped MAP_LOCKED. After mlockall(MCL_FUTURE) it can be mapped:
 * it is filled and stays unlocked. The fuzzer found that it was refused.
 */
import { describe, expect, it } from 'vitest';
import {
  EINVAL,
  Machine,
  MAP_ANONYMOUS,
  MAP_DROPPABLE,
  MAP_FIXED,
  MAP_LOCKED,
  MCL_FUTURE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const AT = 0x200000000000;
const PAGE = 4096;
const DROPPABLE = MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;

describe('droppable memory of a process that locks what it maps', () => {
  it('is filled, and not locked', () => {
    const machine = Machine.create({ bytes: 4 * 2 ** 20 });
    const process = machine.spawn();
    process.mlockall(MCL_FUTURE);
    expect(process.mmap(AT, PAGE, RW, DROPPABLE, -1, 0)).toBe(AT);
    expect(process.mmap(AT, PAGE, RW, DROPPABLE | MAP_LOCKED, -1, 0)).toBe(EINVAL);
    expect(process.layout().lockedVm).toBe(0);
    expect(process.pageStats().map(({ anonymous }) => anonymous)).toEqual([PAGE]);
    process.exit();
    machine.tearDown();
  });
});
