/**
 * The face for those who write drivers: registering one, and what its hooks may use of the engine.
 * docs/drivers.md shows how.
 */
import { isErr, EEXIST } from './engine/arena/errno.ts';
import type { Driver } from './engine/file/driver.ts';
import { addDriver, removeDriver } from './engine/file/driver_registry.ts';

export type {
  Driver,
  FileOperations,
  FileOperationsByHook,
  HookName,
} from './engine/file/driver.ts';
export {
  ARCHETYPES,
  daxDriver,
  erofsDriver,
  ext4Driver,
  orangefsDriver,
  usbStreamDriver,
  xfsDriver,
} from './engine/file/drivers/archetypes.ts';
export { flagDriver, unconverted } from './engine/file/drivers/flag_driver.ts';
export { overlayDriver } from './engine/file/drivers/overlay.ts';
export { pfnDevice } from './engine/file/drivers/pfn_device.ts';
export { secretmemDriver } from './engine/file/drivers/secretmem.ts';
export { type DriverFault, takeDriverFaults } from './engine/file/driver_fault.ts';
export { fget } from './engine/file/fd_table.ts';
export { filePrivateData, fput, getFile, setFilePrivateData } from './engine/file/file_struct.ts';
export type { VmAreaDesc, VmaProto } from './engine/file/hooks/description.ts';
export type { NewVma } from './engine/file/hooks/new_vma.ts';
export { vfsMmap } from './engine/file/hooks/vfs_mmap.ts';
export {
  anonVmOps,
  genericFileVmOps,
  shmemVmOps,
  type VmOperations,
} from './engine/file/vm_ops.ts';
export { mlockFutureOk } from './engine/mm/accounting.ts';
export type { Vma, VmaWrite } from './engine/mm/held.ts';
export {
  type PageProt,
  pgprotNoncached,
  pgprotWritecombine,
  vmGetPageProt,
} from './engine/mm/page_prot.ts';
export {
  type File,
  setVmPrivateData,
  vmEnd,
  vmFile,
  vmFlags,
  vmPgoff,
  vmPrivateData,
  vmStart,
} from './engine/mm/vma_struct.ts';

/**
 * Makes a driver known to this worker, under its name. Every worker that maps, splits or unmaps its
 * files registers it: functions cannot be shared.
 *
 * @throws TypeError for a name that is empty, too long or taken, or more than eight `vmOperations`.
 */
export function registerDriver(driver: Driver): void {
  const refused = addDriver(driver);
  if (!isErr(refused)) return;
  const name = JSON.stringify(driver.name);
  if (refused === EEXIST) throw new TypeError(`Another driver is registered as ${name}.`);
  throw new TypeError(`${name}: a name has 1 to 60 bytes, a driver at most eight vmOperations.`);
}

/** Forgets a driver in this worker. What it mapped stays. @returns whether there was one. */
export const unregisterDriver = (name: string): boolean => removeDriver(name);
