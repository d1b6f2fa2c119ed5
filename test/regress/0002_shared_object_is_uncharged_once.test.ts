import { expect, it } from 'vitest';
import { ENOMEM, Machine, MAP_ANONYMOUS, MAP_SHARED } from '../../src/index.ts';

// Without a file for it the inode gave the charge back, and then the caller gave it back again.
it.each(['text', 'inode', 'file'])('shared memory that gets no %s is uncharged once', (cache) => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();
  machine.failAllocations(cache, 0, 1);
  expect(process.mmap(0, 8192, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0)).toBe(ENOMEM);
  expect(machine.report().committedPages).toBe(0);
  process.exit();
  machine.tearDown();
});
