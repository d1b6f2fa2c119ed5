/** Planted bugs that can be switched on: what `#mutants` is in a checked build. */
export let ABORT_MAY_FAIL: boolean = false;
export let ADMIT_BEFORE_MARK: boolean = false;
export let ANON_VMA_BEFORE_LOCK: boolean = false;
export let ANON_VMA_WITHOUT_MMAP_LOCK: boolean = false;
export let ATTACH_PLAINLY: boolean = false;
export let BUMP_AFTER_DOWNGRADE: boolean = false;
export let BUMP_AFTER_RELEASE: boolean = false;
export let BUMP_PLAINLY: boolean = false;
export let CLOSE_AFTER_REFUSAL: boolean = false;
export let COPIED_ATTACHED: boolean = false;
export let DEAD_STAYS_IN_LINE: boolean = false;
export let DETACHED_PLAINLY: boolean = false;
export let DOWNGRADE_IN_TWO_STEPS: boolean = false;
export let EPOCH_ANNOUNCED_PLAINLY: boolean = false;
export let FEWER_CPUS_POLLED: boolean = false;
export let FLUSH_WITHOUT_WAIT: boolean = false;
export let GROWTH_UNDER_READ_LOCK: boolean = false;
export let INC_WITHOUT_CAS: boolean = false;
export let LATE_CLEAN_UP: boolean = false;
export let LATE_CLOSE: boolean = false;
export let LOAD_UNCHECKED: boolean = false;
export let LOCK_REINIT: boolean = false;
export let LOOKUP_WITHOUT_RCU: boolean = false;
export let LOST_CHARGE: boolean = false;
export let LOST_FORK_CHARGE: boolean = false;
export let MARK_AFTER_DUP: boolean = false;
export let MERGE_FORGETS_ANON_VMA: boolean = false;
export let MMAP_LOCK_UNDER_VMA_LOCK: boolean = false;
export let MM_AFTER_PUT: boolean = false;
export let MM_BEFORE_DETACHED: boolean = false;
export let NARROW_MARK: boolean = false;
export let NESTED_UNLOCK_ENDS: boolean = false;
export let NODES_FREED_AT_ONCE: boolean = false;
export let NO_BREAK_WAKE: boolean = false;
export let NO_BUMP_AT_LOCK: boolean = false;
export let NO_DETACHED_CHECK: boolean = false;
export let NO_DETACH_WAIT: boolean = false;
export let NO_DOWNGRADE_BUMP: boolean = false;
export let NO_DOWNGRADE_WAKE: boolean = false;
export let NO_EXCLUSION: boolean = false;
export let NO_FLUSH_BEFORE_FREE: boolean = false;
export let NO_GRACE_PERIOD: boolean = false;
export let NO_HANDOFF: boolean = false;
export let NO_MARK_EXIT: boolean = false;
export let NO_MARK_EXPAND: boolean = false;
export let NO_MARK_FORK: boolean = false;
export let NO_MARK_GUARD: boolean = false;
export let NO_MARK_MERGE: boolean = false;
export let NO_MARK_MODIFY: boolean = false;
export let NO_MARK_MREMAP: boolean = false;
export let NO_MARK_MUNMAP: boolean = false;
export let NO_MARK_SPLIT: boolean = false;
export let NO_MMGRAB: boolean = false;
export let NO_MM_CHECK: boolean = false;
export let NO_NEW_EPOCH: boolean = false;
export let NO_PTE_RECHECK: boolean = false;
export let NO_RANGE_CHECK: boolean = false;
export let NO_READER_WAIT: boolean = false;
export let NO_REATTACH: boolean = false;
export let NO_RWSEM_WAKE: boolean = false;
export let NO_SECOND_SEQ_CHECK: boolean = false;
export let NO_SPECULATION_CHECK: boolean = false;
export let NO_SPIN_BREAK_WAKE: boolean = false;
export let NO_SPIN_WAKE: boolean = false;
export let NO_TREE_LIMIT: boolean = false;
export let NO_UNSTABLE_MARK: boolean = false;
export let NO_WAKE_ON_GIVING_UP: boolean = false;
export let NO_WRITER_WAKE: boolean = false;
export let ONLY_HEAD_WOKEN: boolean = false;
export let PUBLISH_PLAINLY: boolean = false;
export let RCU_UNANNOUNCED: boolean = false;
export let READ_DETACHED: boolean = false;
export let RELEASE_WITHOUT_GRACE: boolean = false;
export let RWSEM_WAKE_BEFORE_FREE: boolean = false;
export let SEQ_OF_OWNER: boolean = false;
export let SPECULATION_BESIDE_A_WRITER: boolean = false;
export let SPIN_NOT_MARKED: boolean = false;
export let SPIN_WAKE_BEFORE_FREE: boolean = false;
export let STALE_CURSOR: boolean = false;
export let STALE_MAPLE_STATE: boolean = false;
export let STORE_BEFORE_MARK: boolean = false;
export let STORE_UNANNOUNCED: boolean = false;
export let TABLES_OF_NEIGHBOURS: boolean = false;
export let UNLOCKED_DEPOT: boolean = false;
export let VMA_FREED_AT_ONCE: boolean = false;
export let WAKE_EPOCH_TOO_LATE: boolean = false;
export let WAKE_WITHOUT_EPOCH: boolean = false;
export let WRITER_EPOCH_TOO_LATE: boolean = false;
export let WRITER_WAKE_BEFORE_MOVE: boolean = false;

/** The switch of each. */
const SWITCHES = {
  ABORT_MAY_FAIL: (isOn: boolean) => void (ABORT_MAY_FAIL = isOn),
  ADMIT_BEFORE_MARK: (isOn: boolean) => void (ADMIT_BEFORE_MARK = isOn),
  ANON_VMA_BEFORE_LOCK: (isOn: boolean) => void (ANON_VMA_BEFORE_LOCK = isOn),
  ANON_VMA_WITHOUT_MMAP_LOCK: (isOn: boolean) => void (ANON_VMA_WITHOUT_MMAP_LOCK = isOn),
  ATTACH_PLAINLY: (isOn: boolean) => void (ATTACH_PLAINLY = isOn),
  BUMP_AFTER_DOWNGRADE: (isOn: boolean) => void (BUMP_AFTER_DOWNGRADE = isOn),
  BUMP_AFTER_RELEASE: (isOn: boolean) => void (BUMP_AFTER_RELEASE = isOn),
  BUMP_PLAINLY: (isOn: boolean) => void (BUMP_PLAINLY = isOn),
  CLOSE_AFTER_REFUSAL: (isOn: boolean) => void (CLOSE_AFTER_REFUSAL = isOn),
  COPIED_ATTACHED: (isOn: boolean) => void (COPIED_ATTACHED = isOn),
  DEAD_STAYS_IN_LINE: (isOn: boolean) => void (DEAD_STAYS_IN_LINE = isOn),
  DETACHED_PLAINLY: (isOn: boolean) => void (DETACHED_PLAINLY = isOn),
  DOWNGRADE_IN_TWO_STEPS: (isOn: boolean) => void (DOWNGRADE_IN_TWO_STEPS = isOn),
  EPOCH_ANNOUNCED_PLAINLY: (isOn: boolean) => void (EPOCH_ANNOUNCED_PLAINLY = isOn),
  FEWER_CPUS_POLLED: (isOn: boolean) => void (FEWER_CPUS_POLLED = isOn),
  FLUSH_WITHOUT_WAIT: (isOn: boolean) => void (FLUSH_WITHOUT_WAIT = isOn),
  GROWTH_UNDER_READ_LOCK: (isOn: boolean) => void (GROWTH_UNDER_READ_LOCK = isOn),
  INC_WITHOUT_CAS: (isOn: boolean) => void (INC_WITHOUT_CAS = isOn),
  LATE_CLEAN_UP: (isOn: boolean) => void (LATE_CLEAN_UP = isOn),
  LATE_CLOSE: (isOn: boolean) => void (LATE_CLOSE = isOn),
  LOAD_UNCHECKED: (isOn: boolean) => void (LOAD_UNCHECKED = isOn),
  LOCK_REINIT: (isOn: boolean) => void (LOCK_REINIT = isOn),
  LOOKUP_WITHOUT_RCU: (isOn: boolean) => void (LOOKUP_WITHOUT_RCU = isOn),
  LOST_CHARGE: (isOn: boolean) => void (LOST_CHARGE = isOn),
  LOST_FORK_CHARGE: (isOn: boolean) => void (LOST_FORK_CHARGE = isOn),
  MARK_AFTER_DUP: (isOn: boolean) => void (MARK_AFTER_DUP = isOn),
  MERGE_FORGETS_ANON_VMA: (isOn: boolean) => void (MERGE_FORGETS_ANON_VMA = isOn),
  MMAP_LOCK_UNDER_VMA_LOCK: (isOn: boolean) => void (MMAP_LOCK_UNDER_VMA_LOCK = isOn),
  MM_AFTER_PUT: (isOn: boolean) => void (MM_AFTER_PUT = isOn),
  MM_BEFORE_DETACHED: (isOn: boolean) => void (MM_BEFORE_DETACHED = isOn),
  NARROW_MARK: (isOn: boolean) => void (NARROW_MARK = isOn),
  NESTED_UNLOCK_ENDS: (isOn: boolean) => void (NESTED_UNLOCK_ENDS = isOn),
  NODES_FREED_AT_ONCE: (isOn: boolean) => void (NODES_FREED_AT_ONCE = isOn),
  NO_BREAK_WAKE: (isOn: boolean) => void (NO_BREAK_WAKE = isOn),
  NO_BUMP_AT_LOCK: (isOn: boolean) => void (NO_BUMP_AT_LOCK = isOn),
  NO_DETACHED_CHECK: (isOn: boolean) => void (NO_DETACHED_CHECK = isOn),
  NO_DETACH_WAIT: (isOn: boolean) => void (NO_DETACH_WAIT = isOn),
  NO_DOWNGRADE_BUMP: (isOn: boolean) => void (NO_DOWNGRADE_BUMP = isOn),
  NO_DOWNGRADE_WAKE: (isOn: boolean) => void (NO_DOWNGRADE_WAKE = isOn),
  NO_EXCLUSION: (isOn: boolean) => void (NO_EXCLUSION = isOn),
  NO_FLUSH_BEFORE_FREE: (isOn: boolean) => void (NO_FLUSH_BEFORE_FREE = isOn),
  NO_GRACE_PERIOD: (isOn: boolean) => void (NO_GRACE_PERIOD = isOn),
  NO_HANDOFF: (isOn: boolean) => void (NO_HANDOFF = isOn),
  NO_MARK_EXIT: (isOn: boolean) => void (NO_MARK_EXIT = isOn),
  NO_MARK_EXPAND: (isOn: boolean) => void (NO_MARK_EXPAND = isOn),
  NO_MARK_FORK: (isOn: boolean) => void (NO_MARK_FORK = isOn),
  NO_MARK_GUARD: (isOn: boolean) => void (NO_MARK_GUARD = isOn),
  NO_MARK_MERGE: (isOn: boolean) => void (NO_MARK_MERGE = isOn),
  NO_MARK_MODIFY: (isOn: boolean) => void (NO_MARK_MODIFY = isOn),
  NO_MARK_MREMAP: (isOn: boolean) => void (NO_MARK_MREMAP = isOn),
  NO_MARK_MUNMAP: (isOn: boolean) => void (NO_MARK_MUNMAP = isOn),
  NO_MARK_SPLIT: (isOn: boolean) => void (NO_MARK_SPLIT = isOn),
  NO_MMGRAB: (isOn: boolean) => void (NO_MMGRAB = isOn),
  NO_MM_CHECK: (isOn: boolean) => void (NO_MM_CHECK = isOn),
  NO_NEW_EPOCH: (isOn: boolean) => void (NO_NEW_EPOCH = isOn),
  NO_PTE_RECHECK: (isOn: boolean) => void (NO_PTE_RECHECK = isOn),
  NO_RANGE_CHECK: (isOn: boolean) => void (NO_RANGE_CHECK = isOn),
  NO_READER_WAIT: (isOn: boolean) => void (NO_READER_WAIT = isOn),
  NO_REATTACH: (isOn: boolean) => void (NO_REATTACH = isOn),
  NO_RWSEM_WAKE: (isOn: boolean) => void (NO_RWSEM_WAKE = isOn),
  NO_SECOND_SEQ_CHECK: (isOn: boolean) => void (NO_SECOND_SEQ_CHECK = isOn),
  NO_SPECULATION_CHECK: (isOn: boolean) => void (NO_SPECULATION_CHECK = isOn),
  NO_SPIN_BREAK_WAKE: (isOn: boolean) => void (NO_SPIN_BREAK_WAKE = isOn),
  NO_SPIN_WAKE: (isOn: boolean) => void (NO_SPIN_WAKE = isOn),
  NO_TREE_LIMIT: (isOn: boolean) => void (NO_TREE_LIMIT = isOn),
  NO_UNSTABLE_MARK: (isOn: boolean) => void (NO_UNSTABLE_MARK = isOn),
  NO_WAKE_ON_GIVING_UP: (isOn: boolean) => void (NO_WAKE_ON_GIVING_UP = isOn),
  NO_WRITER_WAKE: (isOn: boolean) => void (NO_WRITER_WAKE = isOn),
  ONLY_HEAD_WOKEN: (isOn: boolean) => void (ONLY_HEAD_WOKEN = isOn),
  PUBLISH_PLAINLY: (isOn: boolean) => void (PUBLISH_PLAINLY = isOn),
  RCU_UNANNOUNCED: (isOn: boolean) => void (RCU_UNANNOUNCED = isOn),
  READ_DETACHED: (isOn: boolean) => void (READ_DETACHED = isOn),
  RELEASE_WITHOUT_GRACE: (isOn: boolean) => void (RELEASE_WITHOUT_GRACE = isOn),
  RWSEM_WAKE_BEFORE_FREE: (isOn: boolean) => void (RWSEM_WAKE_BEFORE_FREE = isOn),
  SEQ_OF_OWNER: (isOn: boolean) => void (SEQ_OF_OWNER = isOn),
  SPECULATION_BESIDE_A_WRITER: (isOn: boolean) => void (SPECULATION_BESIDE_A_WRITER = isOn),
  SPIN_NOT_MARKED: (isOn: boolean) => void (SPIN_NOT_MARKED = isOn),
  SPIN_WAKE_BEFORE_FREE: (isOn: boolean) => void (SPIN_WAKE_BEFORE_FREE = isOn),
  STALE_CURSOR: (isOn: boolean) => void (STALE_CURSOR = isOn),
  STALE_MAPLE_STATE: (isOn: boolean) => void (STALE_MAPLE_STATE = isOn),
  STORE_BEFORE_MARK: (isOn: boolean) => void (STORE_BEFORE_MARK = isOn),
  STORE_UNANNOUNCED: (isOn: boolean) => void (STORE_UNANNOUNCED = isOn),
  TABLES_OF_NEIGHBOURS: (isOn: boolean) => void (TABLES_OF_NEIGHBOURS = isOn),
  UNLOCKED_DEPOT: (isOn: boolean) => void (UNLOCKED_DEPOT = isOn),
  VMA_FREED_AT_ONCE: (isOn: boolean) => void (VMA_FREED_AT_ONCE = isOn),
  WAKE_EPOCH_TOO_LATE: (isOn: boolean) => void (WAKE_EPOCH_TOO_LATE = isOn),
  WAKE_WITHOUT_EPOCH: (isOn: boolean) => void (WAKE_WITHOUT_EPOCH = isOn),
  WRITER_EPOCH_TOO_LATE: (isOn: boolean) => void (WRITER_EPOCH_TOO_LATE = isOn),
  WRITER_WAKE_BEFORE_MOVE: (isOn: boolean) => void (WRITER_WAKE_BEFORE_MOVE = isOn),
} as const;

export type Mutant = keyof typeof SWITCHES;

export const MUTANTS = Object.keys(SWITCHES) as readonly Mutant[];

/** Plants one bug, and takes every other one away; null: no bug at all. */
export function plantMutant(name: Mutant | null): void {
  for (const mutant of MUTANTS) SWITCHES[mutant](mutant === name);
}
