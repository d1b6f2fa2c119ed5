/**
 * What the fields of a mapping can be, and which of its flags are not a driver's to change.
 *
 * Source: requirements of mm/vma.c, __mmap_new_file_vma(), v6.18.
 */
import {
  commonFlags,
  flagsOf,
  hasFlag,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_SEALED,
  VM_SHARED,
  VM_STICKY,
  VM_UFFD_FLAGS,
  type VmFlags,
} from '../../mm/vm_flags.ts';
import { isPageProt } from '../../mm/page_prot.ts';
import { isLiveFile } from '../file_struct.ts';
import { vmOpsNumber } from '../vm_ops.ts';

/** Counts, links and charges were made by these: a change would unbalance them. */
const CORE_FLAGS = flagsOf(
  VM_SHARED,
  VM_MAYSHARE,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_SEALED,
  VM_STICKY,
  VM_UFFD_FLAGS,
);

const FLAG_BITS = 43;
const PGOFF_MAX = 2 ** 52;

/** @returns whether a driver may turn the flags `from` into `to`. */
export function mayChangeFlags(from: VmFlags, to: VmFlags): boolean {
  if (commonFlags(from, CORE_FLAGS) !== commonFlags(to, CORE_FLAGS)) return false;
  // The file counted the mapping as one that never writes.
  const gainsMaywrite = hasFlag(to, VM_MAYWRITE) && !hasFlag(from, VM_MAYWRITE);
  return !(gainsMaywrite && hasFlag(to, flagsOf(VM_SHARED, VM_MAYSHARE)));
}

type FieldName = 'file' | 'pgoff' | 'flags' | 'pageProt' | 'vmOps' | 'privateData';

/** Each says whether a value from outside can be what the field holds. */
export const FIELD_RULES: Readonly<Record<FieldName, (value: unknown, driver: number) => boolean>> =
  {
    file: (value) => isWord(value) && isLiveFile(value),
    pgoff: (value) => isCount(value) && value < PGOFF_MAX,
    flags: (value) => isCount(value) && value < 2 ** FLAG_BITS,
    pageProt: isPageProt,
    vmOps: (value, driver) => vmOpsNumber(value, driver) >= 0,
    privateData: isWord,
  };

function isWord(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
