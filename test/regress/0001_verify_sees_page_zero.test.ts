import { expect, it } from 'vitest';
import { Machine, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ } from '../../src/index.ts';

// verifyMm() stepped on from address 0 before it looked, and so never saw a VMA there.
it('an address space with a VMA at address 0 holds its invariants', () => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20, sysctl: { mmap_min_addr: 0 } });
  const process = machine.spawn();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  expect(process.mmap(0, 4096, PROT_READ, flags, -1, 0)).toBe(0);
  process.verify();
  process.exit();
  machine.tearDown();
});
