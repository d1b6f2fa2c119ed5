/**
 * A hole that ends inside the first page of a file unmaps all its pages behind the hole's start:
 * the kernel's end of the span wraps. Here nothing was unmapped. It is seen in Rss, and by who is
 * told of minor faults. Programs made at random for the conformance pack found it.
 */
import { describe, expect, it } from 'vitest';
import { Machine, MAP_FIXED, MAP_POPULATE, MAP_SHARED, PROT_READ } from '../../src/index.ts';

const AT = 0x200000000000;
const PAGE = 4096;

describe('a hole inside one page', () => {
  it.each([
    ['from the start of the first page', 0, 0],
    ['inside the first page', 8, 1],
    ['inside the second page', PAGE + 8, 4],
  ])('%s', (_where, start, present) => {
    const machine = Machine.create({ bytes: 4 * 2 ** 20 });
    const process = machine.spawn();
    const fd = machine.open({ kind: 'shmem', path: '/f', size: 4 * PAGE, writable: true });
    machine.pwrite(fd, new Uint8Array(4 * PAGE).fill(7), 0);
    process.mmap(AT, 4 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);
    expect(machine.punchHole(fd, start, 16)).toBe(0);
    expect(process.pageStats()[0]?.rss).toBe(present * PAGE);
    expect(process.load(AT + 3 * PAGE)).toBe(0x07070707);
    process.exit();
    machine.tearDown();
  });
});
