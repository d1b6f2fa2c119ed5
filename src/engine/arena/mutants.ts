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
