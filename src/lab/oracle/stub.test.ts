import { expect, test } from 'vitest';
import { stubElf } from './stub.ts';
import { stubCode } from './stub_code.ts';

test('the stub is a few hundred bytes, and its listing has lost none of them', () => {
  expect(stubCode().length).toBe(721);
  expect(stubElf().length).toBe(120 + 721);
});

test('the long backward jumps land where they should, and the path to exec is at the end', () => {
  const code = stubCode();
  const near = [0x11d, 0x1e5].map((at) => at + 6 + code.readInt32LE(at + 2));
  expect(near).toEqual([0x46, 0x14b]); // out, next
  expect(code.subarray(0x2c2).toString('latin1')).toBe('/proc/self/exe\0');
});
