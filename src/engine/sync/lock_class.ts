/**
 * The kinds of locks, from the outside in: whoever holds one takes only those behind it. What the
 * order means is in docs/locking.md; checked builds watch over it (lock_order.ts).
 */
const NAMES = [
  'mmap_lock',
  'mmap_lock of a child',
  'VMA lock',
  'i_rwsem',
  'invalidate_lock',
  'page lock',
  'i_mmap',
  'anon_vma root',
  'page_table_lock',
  'pte lock',
  'pages of an inode',
  "list of the host's files",
  'queue of a userfaultfd',
  'table of drivers',
  'list of address spaces',
  'list of tasks',
  'depot of a cache',
] as const;

/** A number, and its rank too: a lower one is taken first. */
export type LockClass = number;

const classOf = (name: (typeof NAMES)[number]): LockClass => NAMES.indexOf(name);

export const lockName = (cls: LockClass): string => NAMES[cls] ?? 'lock';

export const MMAP_LOCK = classOf('mmap_lock');
export const MMAP_LOCK_CHILD = classOf('mmap_lock of a child');
export const VMA_LOCK = classOf('VMA lock');
export const I_RWSEM = classOf('i_rwsem');
export const INVALIDATE_LOCK = classOf('invalidate_lock');
export const PAGE_LOCK = classOf('page lock');
export const I_MMAP_LOCK = classOf('i_mmap');
export const ANON_VMA_LOCK = classOf('anon_vma root');
export const PAGE_TABLE_LOCK = classOf('page_table_lock');
export const PTE_LOCK = classOf('pte lock');
export const I_PAGES_LOCK = classOf('pages of an inode');
export const HOST_INODES_LOCK = classOf("list of the host's files");
export const USERFAULTFD_LOCK = classOf('queue of a userfaultfd');
export const DRIVERS_LOCK = classOf('table of drivers');
export const MMLIST_LOCK = classOf('list of address spaces');
export const TASKLIST_LOCK = classOf('list of tasks');
export const CACHE_DEPOT_LOCK = classOf('depot of a cache');
