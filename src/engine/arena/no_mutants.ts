/**
 * Planted bugs: what `#mutants` is in every build but a checked one. None is ever there, and what
 * they would do is left out by the bundler.
 *
 * Each takes one check, barrier or order away that the protocols need, so that the checker can show
 * which scenario would have found it missing (docs/races.md).
 */

/** The hole of a MAP_FIXED that fails late is not reserved. */
export const ABORT_MAY_FAIL: boolean = false;
/** vmaStartWrite() lets readers in again before it has marked the VMA. */
export const ADMIT_BEFORE_MARK: boolean = false;
/** A fault asks for the anon_vma before it locks the VMA: 657b5146955e. */
export const ANON_VMA_BEFORE_LOCK: boolean = false;
/** A fault gives its VMA an anon_vma, and looks at neighbours, under the VMA lock alone. */
export const ANON_VMA_WITHOUT_MMAP_LOCK: boolean = false;
/** A VMA is attached by a plain store, which does not publish its fields. */
export const ATTACH_PLAINLY: boolean = false;
/** mmapWriteDowngrade() moves the sequence when readers are in already. */
export const BUMP_AFTER_DOWNGRADE: boolean = false;
/** mmapWriteUnlock() moves the sequence when the lock is free already. */
export const BUMP_AFTER_RELEASE: boolean = false;
/** The sequence is moved by a plain store, which orders nothing before it. */
export const BUMP_PLAINLY: boolean = false;
/** A driver that has refused a VMA is told of its end. */
export const CLOSE_AFTER_REFUSAL: boolean = false;
/** vmAreaDup() copies `attached` too, and takes it back afterwards. */
export const COPIED_ATTACHED: boolean = false;
/** buryWorker() leaves the dead worker in its line. */
export const DEAD_STAYS_IN_LINE: boolean = false;
/** vmaStartRead() asks by a plain load whether the VMA is attached. */
export const DETACHED_PLAINLY: boolean = false;
/** downgradeWrite() gives the lock up before it becomes a reader. */
export const DOWNGRADE_IN_TWO_STEPS: boolean = false;
/** rcuReadLock() announces its epoch by a plain store, which nothing orders. */
export const EPOCH_ANNOUNCED_PLAINLY: boolean = false;
/** pollStateSynchronizeRcu() stops at the first CPU that does not read. */
export const FEWER_CPUS_POLLED: boolean = false;
/** A flush does not wait for stores under way. */
export const FLUSH_WITHOUT_WAIT: boolean = false;
/** A stack grows under mmap_lock for read. */
export const GROWTH_UNDER_READ_LOCK: boolean = false;
/** refcountIncNotZero() adds without asking whether the count has become zero meanwhile. */
export const INC_WITHOUT_CAS: boolean = false;
/** What MAP_FIXED replaces keeps its pages and its reverse map until the new VMA is stored. */
export const LATE_CLEAN_UP: boolean = false;
/** What MAP_FIXED replaces is closed when it is freed, and not before the new mapping. */
export const LATE_CLOSE: boolean = false;
/** A load does not ask whether a flush has overtaken it. */
export const LOAD_UNCHECKED: boolean = false;
/** The semaphore of a VMA is set up at every allocation. */
export const LOCK_REINIT: boolean = false;
/** lockVmaUnderRcu() looks without an RCU section. */
export const LOOKUP_WITHOUT_RCU: boolean = false;
/** A mapping that its driver refuses keeps its charge. */
export const LOST_CHARGE: boolean = false;
/** A fork that fails on a VMA keeps the charge for it. */
export const LOST_FORK_CHARGE: boolean = false;
/** A merge shares the anon_vma before it marks the VMA: d8ab9f7b644a. */
export const MARK_AFTER_DUP: boolean = false;
/** A move that merges does not take the anon_vma along: CVE-2026-23077. */
export const MERGE_FORGETS_ANON_VMA: boolean = false;
/** A fault sleeps on mmap_lock while it holds a VMA lock: syzbot 159a3ef18940. */
export const MMAP_LOCK_UNDER_VMA_LOCK: boolean = false;
/** A reader looks whom to wake after it has given its count back. */
export const MM_AFTER_PUT: boolean = false;
/** vmaStartRead() looks at vm_mm before it knows the VMA attached: 107d21077790. */
export const MM_BEFORE_DETACHED: boolean = false;
/** A writer believes a mark of four bits, as if the sequence could not wrap. */
export const NARROW_MARK: boolean = false;
/** rcuReadUnlock() ends the section although an outer one is open. */
export const NESTED_UNLOCK_ENDS: boolean = false;
/** Nodes that leave the tree are used again without a grace period. */
export const NODES_FREED_AT_ONCE: boolean = false;
/** rwsemBreak() does not wake who waits for the broken lock. */
export const NO_BREAK_WAKE: boolean = false;
/** mmapWriteLock() does not move the sequence: it does not say that somebody writes. */
export const NO_BUMP_AT_LOCK: boolean = false;
/** vmaStartRead() does not ask whether the VMA has left its tree. */
export const NO_DETACHED_CHECK: boolean = false;
/** Who detaches a VMA does not wait for late readers. */
export const NO_DETACH_WAIT: boolean = false;
/** mmapWriteDowngrade() does not move the sequence. */
export const NO_DOWNGRADE_BUMP: boolean = false;
/** downgradeWrite() wakes nobody, although readers may now come in. */
export const NO_DOWNGRADE_WAKE: boolean = false;
/** A reader enters although a writer excludes readers. */
export const NO_EXCLUSION: boolean = false;
/** Pages are freed before translations are flushed. */
export const NO_FLUSH_BEFORE_FREE: boolean = false;
/** Every grace period is over at once. */
export const NO_GRACE_PERIOD: boolean = false;
/** The first in line never asks to be the next, however often it is passed. */
export const NO_HANDOFF: boolean = false;
/** exit_mmap() does not mark what it frees. */
export const NO_MARK_EXIT: boolean = false;
/** A stack grows without its mark: c137381f71ae. */
export const NO_MARK_EXPAND: boolean = false;
/** fork() does not mark the parent's VMAs: fb49c455323f. */
export const NO_MARK_FORK: boolean = false;
/** A walk of page tables changes them without marking the VMA: 49b0638502da. */
export const NO_MARK_GUARD: boolean = false;
/** A merge does not mark the VMA that grows. */
export const NO_MARK_MERGE: boolean = false;
/** vmaModify() does not mark the VMA that fits as it is: CVE-2023-4611 (mbind). */
export const NO_MARK_MODIFY: boolean = false;
/** mremap() does not mark its source. */
export const NO_MARK_MREMAP: boolean = false;
/** munmap() does not mark what it takes out. */
export const NO_MARK_MUNMAP: boolean = false;
/** A split does not mark the VMA that shrinks. */
export const NO_MARK_SPLIT: boolean = false;
/**
 * A reader wakes a writer of an mm that it does not hold, and mms are freed at once:
 * CVE-2025-38554.
 */
export const NO_MMGRAB: boolean = false;
/** vmaStartRead() does not ask whose the VMA is by now. */
export const NO_MM_CHECK: boolean = false;
/** A grace period begins without a new epoch. */
export const NO_NEW_EPOCH: boolean = false;
/** A fault does not ask whether its entry is still what it was. */
export const NO_PTE_RECHECK: boolean = false;
/** lockVmaUnderRcu() does not ask which range the VMA has by now. */
export const NO_RANGE_CHECK: boolean = false;
/** A writer does not wait for the readers inside. */
export const NO_READER_WAIT: boolean = false;
/** A MAP_FIXED that fails leaves what it had gathered detached. */
export const NO_REATTACH: boolean = false;
/** upWrite() wakes nobody. */
export const NO_RWSEM_WAKE: boolean = false;
/** vmaStartRead() does not compare the sequences again once it is inside. */
export const NO_SECOND_SEQ_CHECK: boolean = false;
/** mmapLockSpeculateRetry() does not compare the sequence again. */
export const NO_SPECULATION_CHECK: boolean = false;
/** spinBreak() does not wake who sleeps on the broken lock. */
export const NO_SPIN_BREAK_WAKE: boolean = false;
/** spinUnlock() does not wake who sleeps on the lock. */
export const NO_SPIN_WAKE: boolean = false;
/** A fork that failed empties its child's tree beyond the child's own VMAs. */
export const NO_TREE_LIMIT: boolean = false;
/** A fork that failed does not mark its child's mm as unstable. */
export const NO_UNSTABLE_MARK: boolean = false;
/** Who leaves the line without the lock does not wake the next. */
export const NO_WAKE_ON_GIVING_UP: boolean = false;
/** The last reader of a VMA does not wake the writer that waits for it. */
export const NO_WRITER_WAKE: boolean = false;
/** Of the readers in line only the first is woken. */
export const ONLY_HEAD_WOKEN: boolean = false;
/** The tree is changed by a plain store. */
export const PUBLISH_PLAINLY: boolean = false;
/** Readers under RCU do not announce themselves. */
export const RCU_UNANNOUNCED: boolean = false;
/** A reader raises a count of 0. */
export const READ_DETACHED: boolean = false;
/** turnBatches() does not ask whether the grace period is over. */
export const RELEASE_WITHOUT_GRACE: boolean = false;
/** upWrite() wakes before it gives the lock up. */
export const RWSEM_WAKE_BEFORE_FREE: boolean = false;
/** vmaStartRead() compares with the sequence of whoever owns the VMA by now. */
export const SEQ_OF_OWNER: boolean = false;
/** mmapLockSpeculateTryBegin() does not refuse while somebody writes. */
export const SPECULATION_BESIDE_A_WRITER: boolean = false;
/** Who sleeps on a spinlock does not mark it, so its holder does not know. */
export const SPIN_NOT_MARKED: boolean = false;
/** spinUnlock() wakes before it gives the lock up. */
export const SPIN_WAKE_BEFORE_FREE: boolean = false;
/** lockNextVma() goes on from a place in a tree that has changed: syzbot 131f9eb2b580. */
export const STALE_CURSOR: boolean = false;
/** lockVmaUnderRcu() keeps its place in the tree from one read section to the next. */
export const STALE_MAPLE_STATE: boolean = false;
/** A new VMA is in the tree before it is marked: 33313a747e81. */
export const STORE_BEFORE_MARK: boolean = false;
/** A store does not announce itself to flushes. */
export const STORE_UNANNOUNCED: boolean = false;
/** munmap() frees page tables that a neighbour still needs. */
export const TABLES_OF_NEIGHBOURS: boolean = false;
/** takeFromDepot() does not take the lock of the depot. */
export const UNLOCKED_DEPOT: boolean = false;
/** A VMA with a semaphore is used again without a grace period. */
export const VMA_FREED_AT_ONCE: boolean = false;
/** Who waits in line reads what it sleeps on only after it has looked. */
export const WAKE_EPOCH_TOO_LATE: boolean = false;
/** The last reader wakes the writer without moving the word that it sleeps on. */
export const WAKE_WITHOUT_EPOCH: boolean = false;
/** Who waits for the readers of a VMA reads what it sleeps on only after it has looked. */
export const WRITER_EPOCH_TOO_LATE: boolean = false;
/** The last reader wakes the writer before it moves what the writer sleeps on. */
export const WRITER_WAKE_BEFORE_MOVE: boolean = false;
