/**
 * Shared memory that is watched for stores is mapped without the right to write when it is read:
 * the first store takes a fault, though nothing was write-protected. The fuzzer counted it.
 */
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_FIXED,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_WP,
  UFFD_FEATURE_SIGBUS,
} from '../../src/index.ts';

const AT = 0x200000000000;

it.each([
  ['watched', true, [1, 1]],
  ['not watched', false, [1, 0]],
])('a load and a store of shared memory that is %s', (_, isWatched, faults) => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();
  const kind = { kind: 'shmem', path: '/memfd:f (deleted)' } as const;
  const file = machine.open({ ...kind, size: 4096, readable: true, writable: true });
  process.mmap(AT, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
  const uffd = process.userfaultfd(0);
  process.uffdApi(uffd, UFFD_FEATURE_SIGBUS);
  if (isWatched) {
    expect(process.uffdRegister(uffd, AT, 4096, UFFDIO_REGISTER_MODE_WP)).toBe(0);
  }
  const took = (touch: () => void): number => {
    const before = process.faults().minor;
    touch();
    return process.faults().minor - before;
  };
  expect([took(() => process.load(AT)), took(() => process.store(AT, 1))]).toEqual(faults);
  machine.close(uffd);
  machine.close(file);
  process.exit();
  machine.tearDown();
});
