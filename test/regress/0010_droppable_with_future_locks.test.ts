/**
 * After mlockall(MCL_FUTURE) a MAP_DROPPABLE mapping was EINVAL, as with MAP_LOCKED. The kernel
 * makes it, present and without a lock. Programs made at random for the conformance pack found it.
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
  MCL_ONFAULT,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const FLAGS = MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED;

describe('droppable memory where all future memory is locked', () => {
  it.each([MCL_FUTURE, MCL_FUTURE | MCL_ONFAULT])('is populated, not locked (%d)', (lock) => {
    const machine = Machine.create({ bytes: 4 * 2 ** 20 });
    const process = machine.spawn();
    process.mlockall(lock);
    expect(process.mmap(AT, 2 * 4096, RW, FLAGS, -1, 0)).toBe(AT);
    expect(process.layout().lockedVm).toBe(0);
    const present = new Uint8Array(2);
    expect(process.mincore(AT, 2 * 4096, present)).toBe(0);
    expect([...present]).toEqual([1, 1]);
    expect(process.mmap(AT, 4096, RW, FLAGS | MAP_LOCKED, -1, 0)).toBe(EINVAL);
    process.exit();
    machine.tearDown();
  });
});
