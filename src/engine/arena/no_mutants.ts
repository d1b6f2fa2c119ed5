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
