/** Planted bugs that can be switched on: what `#mutants` is in a checked build. */

export let NO_SECOND_SEQ_CHECK: boolean = false;
export let ADMIT_BEFORE_MARK: boolean = false;
export let NARROW_MARK: boolean = false;
export let NO_BUMP_AT_LOCK: boolean = false;
export let BUMP_AFTER_RELEASE: boolean = false;
export let NO_DOWNGRADE_BUMP: boolean = false;
export let BUMP_AFTER_DOWNGRADE: boolean = false;
export let BUMP_PLAINLY: boolean = false;
export let END_READ_WITHOUT_RCU: boolean = false;
export let VMA_FREED_AT_ONCE: boolean = false;
export let LOOKUP_WITHOUT_RCU: boolean = false;
export let NO_SPECULATE_RETRY: boolean = false;
export let NO_MARK_MERGE: boolean = false;
export let NO_MARK_SPLIT: boolean = false;
export let NO_MARK_MODIFY: boolean = false;
export let NO_MARK_MUNMAP: boolean = false;
export let NO_MARK_EXIT: boolean = false;
export let NO_MARK_MREMAP: boolean = false;
export let NO_MARK_EXPAND: boolean = false;
export let NO_MARK_GUARD: boolean = false;
export let NO_MARK_FORK: boolean = false;
export let STORE_BEFORE_MARK: boolean = false;
export let MARK_AFTER_DUP: boolean = false;
export let ANON_VMA_BEFORE_LOCK: boolean = false;
export let ANON_VMA_WITHOUT_MMAP_LOCK: boolean = false;
export let MMAP_LOCK_UNDER_VMA_LOCK: boolean = false;

export let NO_MM_CHECK: boolean = false;
export let NO_RANGE_CHECK: boolean = false;
export let NO_DETACHED_CHECK: boolean = false;
export let MM_BEFORE_DETACHED: boolean = false;
export let SEQ_OF_OWNER: boolean = false;
export let ATTACH_PLAINLY: boolean = false;
export let DETACHED_PLAINLY: boolean = false;
export let COPIED_ATTACHED: boolean = false;
export let LOCK_REINIT: boolean = false;
export let READ_DETACHED: boolean = false;
export let NO_EXCLUSION: boolean = false;
export let NO_READER_WAIT: boolean = false;
export let NO_DETACH_WAIT: boolean = false;
export let NO_READER_WAKE: boolean = false;
export let WAKE_WITHOUT_EPOCH: boolean = false;
export let LATE_EPOCH: boolean = false;
export let MM_AFTER_PUT: boolean = false;
export let NO_MMGRAB: boolean = false;

export let STALE_CURSOR: boolean = false;
export let NO_GRACE_PERIOD: boolean = false;
export let RCU_UNANNOUNCED: boolean = false;
export let PUBLISH_PLAINLY: boolean = false;
export let NODES_FREED_AT_ONCE: boolean = false;
export let TABLES_OF_NEIGHBOURS: boolean = false;
export let NO_PTE_RECHECK: boolean = false;
export let NO_FLUSH_BEFORE_FREE: boolean = false;
export let FLUSH_WITHOUT_WAIT: boolean = false;
export let STORE_UNANNOUNCED: boolean = false;
export let LOAD_UNCHECKED: boolean = false;
export let MERGE_FORGETS_ANON_VMA: boolean = false;

/** The switch of each. */
const SWITCHES = {
  NO_SECOND_SEQ_CHECK: (isOn: boolean) => void (NO_SECOND_SEQ_CHECK = isOn),
  ADMIT_BEFORE_MARK: (isOn: boolean) => void (ADMIT_BEFORE_MARK = isOn),
  NARROW_MARK: (isOn: boolean) => void (NARROW_MARK = isOn),
  NO_BUMP_AT_LOCK: (isOn: boolean) => void (NO_BUMP_AT_LOCK = isOn),
  BUMP_AFTER_RELEASE: (isOn: boolean) => void (BUMP_AFTER_RELEASE = isOn),
  NO_DOWNGRADE_BUMP: (isOn: boolean) => void (NO_DOWNGRADE_BUMP = isOn),
  BUMP_AFTER_DOWNGRADE: (isOn: boolean) => void (BUMP_AFTER_DOWNGRADE = isOn),
  BUMP_PLAINLY: (isOn: boolean) => void (BUMP_PLAINLY = isOn),
  END_READ_WITHOUT_RCU: (isOn: boolean) => void (END_READ_WITHOUT_RCU = isOn),
  VMA_FREED_AT_ONCE: (isOn: boolean) => void (VMA_FREED_AT_ONCE = isOn),
  LOOKUP_WITHOUT_RCU: (isOn: boolean) => void (LOOKUP_WITHOUT_RCU = isOn),
  NO_SPECULATE_RETRY: (isOn: boolean) => void (NO_SPECULATE_RETRY = isOn),
  NO_MARK_MERGE: (isOn: boolean) => void (NO_MARK_MERGE = isOn),
  NO_MARK_SPLIT: (isOn: boolean) => void (NO_MARK_SPLIT = isOn),
  NO_MARK_MODIFY: (isOn: boolean) => void (NO_MARK_MODIFY = isOn),
  NO_MARK_MUNMAP: (isOn: boolean) => void (NO_MARK_MUNMAP = isOn),
  NO_MARK_EXIT: (isOn: boolean) => void (NO_MARK_EXIT = isOn),
  NO_MARK_MREMAP: (isOn: boolean) => void (NO_MARK_MREMAP = isOn),
  NO_MARK_EXPAND: (isOn: boolean) => void (NO_MARK_EXPAND = isOn),
  NO_MARK_GUARD: (isOn: boolean) => void (NO_MARK_GUARD = isOn),
  NO_MARK_FORK: (isOn: boolean) => void (NO_MARK_FORK = isOn),
  STORE_BEFORE_MARK: (isOn: boolean) => void (STORE_BEFORE_MARK = isOn),
  MARK_AFTER_DUP: (isOn: boolean) => void (MARK_AFTER_DUP = isOn),
  ANON_VMA_BEFORE_LOCK: (isOn: boolean) => void (ANON_VMA_BEFORE_LOCK = isOn),
  ANON_VMA_WITHOUT_MMAP_LOCK: (isOn: boolean) => void (ANON_VMA_WITHOUT_MMAP_LOCK = isOn),
  MMAP_LOCK_UNDER_VMA_LOCK: (isOn: boolean) => void (MMAP_LOCK_UNDER_VMA_LOCK = isOn),
  NO_MM_CHECK: (isOn: boolean) => void (NO_MM_CHECK = isOn),
  NO_RANGE_CHECK: (isOn: boolean) => void (NO_RANGE_CHECK = isOn),
  NO_DETACHED_CHECK: (isOn: boolean) => void (NO_DETACHED_CHECK = isOn),
  MM_BEFORE_DETACHED: (isOn: boolean) => void (MM_BEFORE_DETACHED = isOn),
  SEQ_OF_OWNER: (isOn: boolean) => void (SEQ_OF_OWNER = isOn),
  ATTACH_PLAINLY: (isOn: boolean) => void (ATTACH_PLAINLY = isOn),
  DETACHED_PLAINLY: (isOn: boolean) => void (DETACHED_PLAINLY = isOn),
  COPIED_ATTACHED: (isOn: boolean) => void (COPIED_ATTACHED = isOn),
  LOCK_REINIT: (isOn: boolean) => void (LOCK_REINIT = isOn),
  READ_DETACHED: (isOn: boolean) => void (READ_DETACHED = isOn),
  NO_EXCLUSION: (isOn: boolean) => void (NO_EXCLUSION = isOn),
  NO_READER_WAIT: (isOn: boolean) => void (NO_READER_WAIT = isOn),
  NO_DETACH_WAIT: (isOn: boolean) => void (NO_DETACH_WAIT = isOn),
  NO_READER_WAKE: (isOn: boolean) => void (NO_READER_WAKE = isOn),
  WAKE_WITHOUT_EPOCH: (isOn: boolean) => void (WAKE_WITHOUT_EPOCH = isOn),
  LATE_EPOCH: (isOn: boolean) => void (LATE_EPOCH = isOn),
  MM_AFTER_PUT: (isOn: boolean) => void (MM_AFTER_PUT = isOn),
  NO_MMGRAB: (isOn: boolean) => void (NO_MMGRAB = isOn),
  STALE_CURSOR: (isOn: boolean) => void (STALE_CURSOR = isOn),
  NO_GRACE_PERIOD: (isOn: boolean) => void (NO_GRACE_PERIOD = isOn),
  RCU_UNANNOUNCED: (isOn: boolean) => void (RCU_UNANNOUNCED = isOn),
  PUBLISH_PLAINLY: (isOn: boolean) => void (PUBLISH_PLAINLY = isOn),
  NODES_FREED_AT_ONCE: (isOn: boolean) => void (NODES_FREED_AT_ONCE = isOn),
  TABLES_OF_NEIGHBOURS: (isOn: boolean) => void (TABLES_OF_NEIGHBOURS = isOn),
  NO_PTE_RECHECK: (isOn: boolean) => void (NO_PTE_RECHECK = isOn),
  NO_FLUSH_BEFORE_FREE: (isOn: boolean) => void (NO_FLUSH_BEFORE_FREE = isOn),
  FLUSH_WITHOUT_WAIT: (isOn: boolean) => void (FLUSH_WITHOUT_WAIT = isOn),
  STORE_UNANNOUNCED: (isOn: boolean) => void (STORE_UNANNOUNCED = isOn),
  LOAD_UNCHECKED: (isOn: boolean) => void (LOAD_UNCHECKED = isOn),
  MERGE_FORGETS_ANON_VMA: (isOn: boolean) => void (MERGE_FORGETS_ANON_VMA = isOn),
} as const;

export type Mutant = keyof typeof SWITCHES;

export const MUTANTS = Object.keys(SWITCHES) as readonly Mutant[];

/** Plants one bug, and takes every other one away; null: no bug at all. */
export function plantMutant(name: Mutant | null): void {
  for (const mutant of MUTANTS) SWITCHES[mutant](mutant === name);
}
