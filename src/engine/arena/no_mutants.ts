/**
 * Planted bugs: what `#mutants` is in every build but a checked one. None is ever there, and what
 * they would do is left out by the bundler.
 *
 * Each takes one check, barrier or order away that the protocols need, so that the checker can show
 * which scenario would have found it missing (docs/mutants.md).
 */

/** A MAP_FIXED that fails leaves what it had gathered detached. */
export const NO_REATTACH: boolean = false;

/** What MAP_FIXED replaces keeps its pages and its reverse map until the new VMA is stored. */
export const LATE_CLEAN_UP: boolean = false;

/** What MAP_FIXED replaces is closed when it is freed, and not before the new mapping. */
export const LATE_CLOSE: boolean = false;

/** The hole of a MAP_FIXED that fails late is not reserved. */
export const ABORT_MAY_FAIL: boolean = false;

/** A stack grows under mmap_lock for read. */
export const GROWTH_UNDER_READ_LOCK: boolean = false;

/** A mapping that its driver refuses keeps its charge. */
export const LOST_CHARGE: boolean = false;

/** A new VMA is in the tree before it is marked: 33313a747e81. */
export const STORE_BEFORE_MARK: boolean = false;

/** A driver that has refused a VMA is told of its end. */
export const CLOSE_AFTER_REFUSAL: boolean = false;

/** vmaStartRead() does not ask whose the VMA is by now. */
export const NO_MM_CHECK: boolean = false;

// Primitives.

/** buryWorker() leaves the dead worker in its line. */
export const DEAD_STAYS_IN_LINE: boolean = false;
/** downgradeWrite() gives the lock up before it becomes a reader. */
export const DOWNGRADE_IN_TWO_STEPS: boolean = false;
/** rcuReadLock() announces its epoch by a plain store, which nothing orders. */
export const EPOCH_ANNOUNCED_PLAINLY: boolean = false;
/** pollStateSynchronizeRcu() stops at the first CPU that does not read. */
export const FEWER_CPUS_POLLED: boolean = false;
/** refcountIncNotZero() adds without asking whether the count has become zero meanwhile. */
export const INC_WITHOUT_CAS: boolean = false;
/** rcuReadUnlock() ends the section although an outer one is open. */
export const NESTED_UNLOCK_ENDS: boolean = false;
/** rwsemBreak() does not wake who waits for the broken lock. */
export const NO_BREAK_WAKE: boolean = false;
/** downgradeWrite() wakes nobody, although readers may now come in. */
export const NO_DOWNGRADE_WAKE: boolean = false;
/** The first in line never asks to be the next, however often it is passed. */
export const NO_HANDOFF: boolean = false;
/** A grace period begins without a new epoch. */
export const NO_NEW_EPOCH: boolean = false;
/** upWrite() wakes nobody. */
export const NO_RWSEM_WAKE: boolean = false;
/** mmapLockSpeculateRetry() does not compare the sequence again. */
export const NO_SPECULATION_CHECK: boolean = false;
/** spinBreak() does not wake who sleeps on the broken lock. */
export const NO_SPIN_BREAK_WAKE: boolean = false;
/** spinUnlock() does not wake who sleeps on the lock. */
export const NO_SPIN_WAKE: boolean = false;
/** Who leaves the line without the lock does not wake the next. */
export const NO_WAKE_ON_GIVING_UP: boolean = false;
/** The last reader of a VMA does not wake the writer that waits for it. */
export const NO_WRITER_WAKE: boolean = false;
/** Of the readers in line only the first is woken. */
export const ONLY_HEAD_WOKEN: boolean = false;
/** turnBatches() does not ask whether the grace period is over. */
export const RELEASE_WITHOUT_GRACE: boolean = false;
/** upWrite() wakes before it gives the lock up. */
export const RWSEM_WAKE_BEFORE_FREE: boolean = false;
/** mmapLockSpeculateTryBegin() does not refuse while somebody writes. */
export const SPECULATION_BESIDE_A_WRITER: boolean = false;
/** Who sleeps on a spinlock does not mark it, so its holder does not know. */
export const SPIN_NOT_MARKED: boolean = false;
/** spinUnlock() wakes before it gives the lock up. */
export const SPIN_WAKE_BEFORE_FREE: boolean = false;
/** takeFromDepot() does not take the lock of the depot. */
export const UNLOCKED_DEPOT: boolean = false;
/** Who waits in line reads what it sleeps on only after it has looked. */
export const WAKE_EPOCH_TOO_LATE: boolean = false;
/** Who waits for the readers of a VMA reads what it sleeps on only after it has looked. */
export const WRITER_EPOCH_TOO_LATE: boolean = false;
/** The last reader wakes the writer before it moves what the writer sleeps on. */
export const WRITER_WAKE_BEFORE_MOVE: boolean = false;

/** lockVmaUnderRcu() keeps its place in the tree from one read section to the next. */
export const STALE_MAPLE_STATE: boolean = false;

/** A fork that failed empties its child's tree beyond the child's own VMAs. */
export const NO_TREE_LIMIT: boolean = false;

/** A fork that failed does not mark its child's mm as unstable. */
export const NO_UNSTABLE_MARK: boolean = false;

/** fork() does not mark the parent's VMAs: fb49c455323f. */
export const NO_MARK_FORK: boolean = false;

/** A fork that fails on a VMA keeps the charge for it. */
export const LOST_FORK_CHARGE: boolean = false;
