/** Addresses at the end of what a program may have: numbers that a word of 32 bits would spoil. */
import { expect, it } from 'vitest';
import { ENOMEM, Machine, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE } from '../../src/index.ts';
import { windowPicture } from '../pictures.ts';

const PAGE = 4096;
const END = 0x7ffffffff000;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

it('X-17 the last pages are mapped, written, split, merged and unmapped to the byte', () => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();
  const first = END - 6 * PAGE;
  const picture = (): string => windowPicture(process, first, 7);

  expect(process.mmap(first, 6 * PAGE, 3, FIXED, -1, 0)).toBe(first);
  expect(process.mmap(END, PAGE, 3, FIXED, -1, 0), 'one page further').toBe(ENOMEM);
  expect(process.mmap(first, 7 * PAGE, 3, FIXED, -1, 0), 'over the end').toBe(ENOMEM);
  expect(picture()).toBe('AAAAAA.');

  for (const addr of [first, END - PAGE, END - 4]) expect(process.store(addr, addr % 997)).toBe(0);
  for (const addr of [first, END - PAGE, END - 4]) expect(process.load(addr)).toBe(addr % 997);
  expect(process.load(END)).toBeLessThan(0);

  expect(process.mprotect(END - PAGE, PAGE, 1)).toBe(0);
  expect(picture()).toBe('AAAAAB.');
  expect(process.mprotect(END - PAGE, PAGE, 3)).toBe(0);
  expect(picture()).toBe('AAAAAA.');
  expect(process.munmap(END - 2 * PAGE, PAGE)).toBe(0);
  expect(picture()).toBe('AAAA.B.');
  expect(process.maps()).toContain('7fffffffe000-7ffffffff000 rw-p');
  process.verify();
  process.exit();
  machine.tearDown();
});
