/**
 * This worker's drivers by name. Functions live in a worker's own heap: which of them a number of
 * the arena means is looked up by the name that the number has there.
 */
import { EEXIST, EINVAL, type Errno, OK } from '../arena/errno.ts';
import type { Driver, FileOperations } from './driver.ts';
import { guardVmOperations } from './driver_vm_ops.ts';
import { DRIVER_NAME_MAX, driverName, isDriverName } from './driver_table.ts';
import type { VmOperations } from './vm_ops.ts';

/** A driver as the engine asks it. */
export interface KnownDriver {
  readonly driver: Driver;
  readonly name: string;
  /** By HOOK_*: prepare, proto, legacy. */
  readonly operations: readonly [FileOperations, FileOperations, FileOperations];
  /** The driver's tables as the engine calls them: nothing that they throw gets out. */
  readonly vmOperations: readonly VmOperations[];
  /** It is the engine's own: its hooks are trusted with plain descriptions. */
  readonly isBuiltIn: boolean;
}

/** A driver's tables of VMA operations are told apart by a number of this many values. */
export const VM_OPS_PER_DRIVER = 8;

interface Registered extends KnownDriver {
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
const byName = new Map<string, Registered>();
/** The last driver that a number meant in the machine in use: true if the name still says so. */
const lastMeant: (Registered | undefined)[] = [];

/** @returns the form in which the engine keeps a driver. */
export function knownDriver(driver: Driver, isBuiltIn: boolean): KnownDriver {
  const given = driver.fileOperations;
  const [prepare, proto, legacy] =
    'legacy' in given ? [given.prepare, given.proto, given.legacy] : [given, given, given];
  const vmOperations = (driver.vmOperations ?? []).map((table) => guardVmOperations(table, driver));
  return {
    driver,
    name: driver.name,
    operations: [prepare, proto, legacy],
    vmOperations,
    isBuiltIn,
  };
}

/** @returns EINVAL for a name or tables that cannot be, EEXIST when the name is another's. */
export function addDriver(driver: Driver): 0 | Errno {
  const bytes = encoder.encode(driver.name);
  if (bytes.length === 0 || bytes.length > DRIVER_NAME_MAX) return EINVAL;
  if ((driver.vmOperations?.length ?? 0) > VM_OPS_PER_DRIVER) return EINVAL;
  const known = byName.get(driver.name);
  if (known !== undefined) return known.driver === driver ? OK : EEXIST;
  byName.set(driver.name, { ...knownDriver(driver, false), bytes });
  return OK;
}

/** What the driver mapped stays mapped, and is then refused to this worker like an unknown one. */
export function removeDriver(name: string): boolean {
  lastMeant.length = 0;
  return byName.delete(name);
}

export const isRegistered = (name: string): boolean => byName.has(name);

/** @returns the driver of a number at or above FIRST_DRIVER, or null: this worker has none. */
export function registeredDriver(number: number): KnownDriver | null {
  const last = lastMeant[number];
  if (last !== undefined && isDriverName(number, last.bytes)) return last;
  const found = byName.get(driverName(number));
  if (found === undefined) return null;
  lastMeant[number] = found;
  return found;
}
