/** Which driver a file has, and which of its hooks this machine's generation asks. */
import { ENODEV, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { HOOK_LEGACY, HOOK_PROTO, protocolMmapHook } from '../mm/protocol.ts';
import type { File } from '../mm/vma_struct.ts';
import { callDriver } from './driver_call.ts';
import { type KnownDriver, registeredDriver } from './driver_registry.ts';
import { FIRST_DRIVER } from './driver_table.ts';
import { BUILT_IN_DRIVERS } from './drivers/built_in.ts';
import { fileInode, setFileOpened } from './file_struct.ts';
import type { HookGeneration } from './hooks/generation.ts';
import { legacyHooks } from './hooks/legacy.ts';
import { prepareHooks } from './hooks/prepare.ts';
import { protoHooks } from './hooks/proto.ts';
import type { Hooked } from './hooks/run_hook.ts';
import { inodeDriver } from './inode.ts';

/** What this machine asks drivers by. */
export function hookGeneration(): HookGeneration {
  const hook = protocolMmapHook();
  if (hook === HOOK_LEGACY) return legacyHooks;
  return hook === HOOK_PROTO ? protoHooks : prepareHooks;
}

/** @returns the driver of a file, or null: it is not registered in this worker. */
export function driverOf(file: File): KnownDriver | null {
  const number = inodeDriver(fileInode(file));
  return number < FIRST_DRIVER ? (BUILT_IN_DRIVERS[number] ?? null) : registeredDriver(number);
}

/** @returns the driver with those of its hooks that count here, or null. */
export function hookedOf(file: File): Hooked | null {
  const driver = driverOf(file);
  if (driver === null) return null;
  return { driver, operations: driver.operations[protocolMmapHook()] ?? driver.operations[0] };
}

/** False for a directory, for two hooks where there may be one, and for an unknown driver. */
export function canMmapFile(file: File): boolean {
  const hooked = hookedOf(file);
  return hooked !== null && hookGeneration().canMap(hooked.operations);
}

/** Tells the driver of a file that was just made. @returns its refusal: then it is not opened. */
export function openByDriver(file: File): 0 | Errno {
  if (inodeDriver(fileInode(file)) < FIRST_DRIVER) return OK;
  const hooked = hookedOf(file);
  if (hooked === null) return ENODEV;
  const { driver, operations } = hooked;
  if (operations.open !== undefined) {
    const call = { driver: driver.name, hook: 'open', mm: NULL };
    const refused = callDriver(call, () => operations.open?.(file));
    if (isErr(refused)) return refused;
  }
  setFileOpened(file);
  return OK;
}
