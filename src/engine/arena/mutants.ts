/** Planted bugs that can be switched on: what `#mutants` is in a checked build. */
export let NO_REATTACH: boolean = false;
export let LATE_CLEAN_UP: boolean = false;
export let LATE_CLOSE: boolean = false;
export let ABORT_MAY_FAIL: boolean = false;
export let GROWTH_UNDER_READ_LOCK: boolean = false;
export let LOST_CHARGE: boolean = false;
export let STORE_BEFORE_MARK: boolean = false;
export let CLOSE_AFTER_REFUSAL: boolean = false;
export let NO_MM_CHECK: boolean = false;
export let DEAD_STAYS_IN_LINE: boolean = false;
export let DOWNGRADE_IN_TWO_STEPS: boolean = false;
export let EPOCH_ANNOUNCED_PLAINLY: boolean = false;
export let FEWER_CPUS_POLLED: boolean = false;
export let INC_WITHOUT_CAS: boolean = false;
export let NESTED_UNLOCK_ENDS: boolean = false;
export let NO_BREAK_WAKE: boolean = false;
export let NO_DOWNGRADE_WAKE: boolean = false;
export let NO_HANDOFF: boolean = false;
export let NO_NEW_EPOCH: boolean = false;
export let NO_RWSEM_WAKE: boolean = false;
export let NO_SPECULATION_CHECK: boolean = false;
export let NO_SPIN_BREAK_WAKE: boolean = false;
export let NO_SPIN_WAKE: boolean = false;
export let NO_WAKE_ON_GIVING_UP: boolean = false;
export let NO_WRITER_WAKE: boolean = false;
export let ONLY_HEAD_WOKEN: boolean = false;
export let RELEASE_WITHOUT_GRACE: boolean = false;
export let RWSEM_WAKE_BEFORE_FREE: boolean = false;
export let SPECULATION_BESIDE_A_WRITER: boolean = false;
export let SPIN_NOT_MARKED: boolean = false;
export let SPIN_WAKE_BEFORE_FREE: boolean = false;
export let UNLOCKED_DEPOT: boolean = false;
export let WAKE_EPOCH_TOO_LATE: boolean = false;
export let WRITER_EPOCH_TOO_LATE: boolean = false;
export let WRITER_WAKE_BEFORE_MOVE: boolean = false;
export let STALE_MAPLE_STATE: boolean = false;
export let NO_TREE_LIMIT: boolean = false;
export let NO_UNSTABLE_MARK: boolean = false;
export let NO_MARK_FORK: boolean = false;
export let LOST_FORK_CHARGE: boolean = false;

/** The switch of each. */
const SWITCHES = {
  NO_REATTACH: (isOn: boolean) => void (NO_REATTACH = isOn),
  LATE_CLEAN_UP: (isOn: boolean) => void (LATE_CLEAN_UP = isOn),
  LATE_CLOSE: (isOn: boolean) => void (LATE_CLOSE = isOn),
  ABORT_MAY_FAIL: (isOn: boolean) => void (ABORT_MAY_FAIL = isOn),
  GROWTH_UNDER_READ_LOCK: (isOn: boolean) => void (GROWTH_UNDER_READ_LOCK = isOn),
  LOST_CHARGE: (isOn: boolean) => void (LOST_CHARGE = isOn),
  STORE_BEFORE_MARK: (isOn: boolean) => void (STORE_BEFORE_MARK = isOn),
  CLOSE_AFTER_REFUSAL: (isOn: boolean) => void (CLOSE_AFTER_REFUSAL = isOn),
  NO_MM_CHECK: (isOn: boolean) => void (NO_MM_CHECK = isOn),
  DEAD_STAYS_IN_LINE: (isOn: boolean) => void (DEAD_STAYS_IN_LINE = isOn),
  DOWNGRADE_IN_TWO_STEPS: (isOn: boolean) => void (DOWNGRADE_IN_TWO_STEPS = isOn),
  EPOCH_ANNOUNCED_PLAINLY: (isOn: boolean) => void (EPOCH_ANNOUNCED_PLAINLY = isOn),
  FEWER_CPUS_POLLED: (isOn: boolean) => void (FEWER_CPUS_POLLED = isOn),
  INC_WITHOUT_CAS: (isOn: boolean) => void (INC_WITHOUT_CAS = isOn),
  NESTED_UNLOCK_ENDS: (isOn: boolean) => void (NESTED_UNLOCK_ENDS = isOn),
  NO_BREAK_WAKE: (isOn: boolean) => void (NO_BREAK_WAKE = isOn),
  NO_DOWNGRADE_WAKE: (isOn: boolean) => void (NO_DOWNGRADE_WAKE = isOn),
  NO_HANDOFF: (isOn: boolean) => void (NO_HANDOFF = isOn),
  NO_NEW_EPOCH: (isOn: boolean) => void (NO_NEW_EPOCH = isOn),
  NO_RWSEM_WAKE: (isOn: boolean) => void (NO_RWSEM_WAKE = isOn),
  NO_SPECULATION_CHECK: (isOn: boolean) => void (NO_SPECULATION_CHECK = isOn),
  NO_SPIN_BREAK_WAKE: (isOn: boolean) => void (NO_SPIN_BREAK_WAKE = isOn),
  NO_SPIN_WAKE: (isOn: boolean) => void (NO_SPIN_WAKE = isOn),
  NO_WAKE_ON_GIVING_UP: (isOn: boolean) => void (NO_WAKE_ON_GIVING_UP = isOn),
  NO_WRITER_WAKE: (isOn: boolean) => void (NO_WRITER_WAKE = isOn),
  ONLY_HEAD_WOKEN: (isOn: boolean) => void (ONLY_HEAD_WOKEN = isOn),
  RELEASE_WITHOUT_GRACE: (isOn: boolean) => void (RELEASE_WITHOUT_GRACE = isOn),
  RWSEM_WAKE_BEFORE_FREE: (isOn: boolean) => void (RWSEM_WAKE_BEFORE_FREE = isOn),
  SPECULATION_BESIDE_A_WRITER: (isOn: boolean) => void (SPECULATION_BESIDE_A_WRITER = isOn),
  SPIN_NOT_MARKED: (isOn: boolean) => void (SPIN_NOT_MARKED = isOn),
  SPIN_WAKE_BEFORE_FREE: (isOn: boolean) => void (SPIN_WAKE_BEFORE_FREE = isOn),
  UNLOCKED_DEPOT: (isOn: boolean) => void (UNLOCKED_DEPOT = isOn),
  WAKE_EPOCH_TOO_LATE: (isOn: boolean) => void (WAKE_EPOCH_TOO_LATE = isOn),
  WRITER_EPOCH_TOO_LATE: (isOn: boolean) => void (WRITER_EPOCH_TOO_LATE = isOn),
  WRITER_WAKE_BEFORE_MOVE: (isOn: boolean) => void (WRITER_WAKE_BEFORE_MOVE = isOn),
  STALE_MAPLE_STATE: (isOn: boolean) => void (STALE_MAPLE_STATE = isOn),
  NO_TREE_LIMIT: (isOn: boolean) => void (NO_TREE_LIMIT = isOn),
  NO_UNSTABLE_MARK: (isOn: boolean) => void (NO_UNSTABLE_MARK = isOn),
  NO_MARK_FORK: (isOn: boolean) => void (NO_MARK_FORK = isOn),
  LOST_FORK_CHARGE: (isOn: boolean) => void (LOST_FORK_CHARGE = isOn),
} as const;

export type Mutant = keyof typeof SWITCHES;

export const MUTANTS = Object.keys(SWITCHES) as readonly Mutant[];

/** Plants one bug, and takes every other one away; null: no bug at all. */
export function plantMutant(name: Mutant | null): void {
  for (const mutant of MUTANTS) SWITCHES[mutant](mutant === name);
}
