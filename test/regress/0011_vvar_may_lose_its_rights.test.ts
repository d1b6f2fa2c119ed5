/**
 * mprotect(PROT_NONE) of a mapping of page frames, as [vvar], was EACCES. The kernel refuses it
 * only for frames that are no memory, on processors with the L1TF bug. The pack found it.
 */
import { expect, it } from 'vitest';
import { EINVAL, Machine, OK, PROT_NONE, PROT_READ, vmFlagsOfText } from '../../src/index.ts';

const START = 0x7ffff7ff7000;
const PAGE = 4096;

it('lets a mapping of page frames lose every right, but only as a whole', () => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();
  const flags = vmFlagsOfText('rd mr pf io de dd');
  const vvar = { start: START, end: START + 4 * PAGE, flags, special: '[vvar]' };
  expect(process.exec({ vmas: [vvar], layout: {} })).toBe(OK);
  expect(process.mprotect(START, PAGE, PROT_NONE)).toBe(EINVAL);
  expect(process.mprotect(START, 4 * PAGE, PROT_NONE)).toBe(OK);
  expect(process.mprotect(START, 4 * PAGE, PROT_READ)).toBe(OK);
  process.exit();
  machine.tearDown();
});
