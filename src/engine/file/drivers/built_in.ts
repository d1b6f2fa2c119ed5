/** The drivers that every worker has, by the number of the inode's kind. */
import type { Driver } from '../driver.ts';
import { knownDriver } from '../driver_registry.ts';
import { directoryDriver, regularDriver } from './regular.ts';
import { secretmemDriver } from './secretmem.ts';
import { shmemDriver } from './shmem.ts';
import { zeroDriver } from './zero.ts';

/** In the order of INODE_KINDS. */
const DRIVERS: readonly Driver[] = [
  regularDriver,
  shmemDriver,
  zeroDriver,
  secretmemDriver,
  directoryDriver,
];

export const BUILT_IN_DRIVERS = DRIVERS.map((driver) => knownDriver(driver, true));
