/**
 * Shared memory that is watched for stores is mapped without the right to write when it is read:
 * the first store takes a fault, though nothing was write-protected. An mprotect takes the right to
 * write from all that was mapped before. The fuzzer counted them.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  Machine,
  MAP_FIXED,
  MAP_SHARED,
  type Process,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_WP,
  UFFD_FEATURE_SIGBUS,
} from '../../src/index.ts';

const AT = 0x200000000000;

let machine: Machine;
let process: Process;
let uffd: number;
let file: number;

beforeEach(() => {
  machine = Machine.create({ bytes: 4 * 2 ** 20 });
  process = machine.spawn();
  const kind = { kind: 'shmem', path: '/memfd:f (deleted)' } as const;
  file = machine.open({ ...kind, size: 8192, readable: true, writable: true });
  process.mmap(AT, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
  uffd = process.userfaultfd(0);
  process.uffdApi(uffd, UFFD_FEATURE_SIGBUS);
});

afterEach(() => {
  machine.close(uffd);
  machine.close(file);
  process.exit();
  machine.tearDown();
});

const watch = (): number => process.uffdRegister(uffd, AT, 8192, UFFDIO_REGISTER_MODE_WP);

function faultsOf(touch: () => void): number {
  const before = process.faults().minor;
  touch();
  return process.faults().minor - before;
}

it.each([
  ['watched', true, [1, 1]],
  ['not watched', false, [1, 0]],
])('a load and a store of shared memory that is %s', (_, isWatched, faults) => {
  if (isWatched) expect(watch()).toBe(0);
  const load = faultsOf(() => process.load(AT));
  expect([load, faultsOf(() => process.store(AT, 1))]).toEqual(faults);
});

it('an mprotect of watched memory: no page stays writable, written or not', () => {
  process.load(AT);
  process.store(AT + 4096, 1);
  expect(watch()).toBe(0);
  expect(process.mprotect(AT, 8192, PROT_READ | PROT_WRITE | PROT_EXEC)).toBe(0);
  const stores = [AT, AT + 4096].map((addr) => faultsOf(() => process.store(addr, 2)));
  expect(stores).toEqual([1, 1]);
});

it('memory that was watched: its pages lose the right to write once more', () => {
  process.store(AT, 1);
  expect(watch()).toBe(0);
  expect(process.uffdUnregister(uffd, AT, 8192)).toBe(0);
  const stores = [1, 2].map((value) => faultsOf(() => process.store(AT, value)));
  expect(stores).toEqual([1, 0]);
});
