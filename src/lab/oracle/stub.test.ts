import { expect, test } from 'vitest';
import { stubElf } from './stub.ts';
import { stubCode } from './stub_code.ts';

test('the stub is a few hundred bytes, and its listing has lost none of them', () => {
  expect(stubCode().length).toBe(587);
  expect(stubElf().length).toBe(120 + 587);
});

test('the two long backward jumps land on out and next, and the path to exec is at the end', () => {
  const code = stubCode();
  const near = [0x112, 0x1b8].map((at) => at + 6 + code.readInt32LE(at + 2));
  expect(near).toEqual([0x46, 0x127]); // out, next
  expect(code.subarray(0x23c).toString('latin1')).toBe('/proc/self/exe\0');
});
