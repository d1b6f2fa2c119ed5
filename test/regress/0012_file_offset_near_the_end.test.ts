/**
 * Where a file system asks for 2 MiB alignment, an offset within 2 MiB of 2^63 is aligned though no
 * huge page could be there: Linux rounds it up past the largest signed number. The fuzzer found it.
 */
import { expect, it } from 'vitest';
import { I_HUGE_ALIGN, Machine, MAP_PRIVATE, PROT_READ } from '../../src/index.ts';

it.each([
  [0x7fffffffffffe000n, 0x1fe000],
  [0x7fffffffffe00000n, null],
])('a page at offset %d of a file', (offset, wanted) => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();
  const fd = machine.open({ kind: 'regular', path: '/f', size: 4096, flags: I_HUGE_ALIGN });
  const top = process.mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  const addr = process.mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, offset);
  if (wanted === null) expect(addr).toBe(top - 4096);
  else expect(addr % 0x200000).toBe(wanted);
  process.exit();
  machine.close(fd);
  machine.tearDown();
});
