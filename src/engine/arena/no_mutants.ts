/**
 * Planted bugs: what `#mutants` is in every build but a checked one. None is ever there, and what
 * they would do is left out by the bundler.
 *
 * Each takes one check, barrier or order away that the protocols need, so that the checker can show
 * which scenario would have found it missing (docs/mutants.md).
 */

// Seed 002.

/** vmaStartRead() does not compare the sequences again once it is inside. */
export const NO_SECOND_SEQ_CHECK: boolean = false;
/** vmaStartWrite() lets readers in again before it has marked the VMA. */
export const ADMIT_BEFORE_MARK: boolean = false;
/** A writer believes a mark of four bits, as if the sequence could not wrap. */
export const NARROW_MARK: boolean = false;
/** mmapWriteLock() does not move the sequence: it does not say that somebody writes. */
export const NO_BUMP_AT_LOCK: boolean = false;
/** mmapWriteUnlock() moves the sequence when the lock is free already. */
export const BUMP_AFTER_RELEASE: boolean = false;
/** mmapWriteDowngrade() does not move the sequence. */
export const NO_DOWNGRADE_BUMP: boolean = false;
/** mmapWriteDowngrade() moves the sequence when readers are in already. */
export const BUMP_AFTER_DOWNGRADE: boolean = false;
/** The sequence is moved by a plain store, which orders nothing before it. */
export const BUMP_PLAINLY: boolean = false;
/** vmaEndRead() leaves the semaphore outside of an RCU section. */
export const END_READ_WITHOUT_RCU: boolean = false;
/** A VMA with a semaphore is used again without a grace period. */
export const VMA_FREED_AT_ONCE: boolean = false;
/** lockVmaUnderRcu() looks without an RCU section. */
export const LOOKUP_WITHOUT_RCU: boolean = false;
/** Who has read without a lock does not ask whether anybody wrote meanwhile. */
export const NO_SPECULATE_RETRY: boolean = false;
/** A merge does not mark the VMA that grows. */
export const NO_MARK_MERGE: boolean = false;
/** A split does not mark the VMA that shrinks. */
export const NO_MARK_SPLIT: boolean = false;
/** vmaModify() does not mark the VMA that fits as it is: CVE-2023-4611 (mbind). */
export const NO_MARK_MODIFY: boolean = false;
/** munmap() does not mark what it takes out. */
export const NO_MARK_MUNMAP: boolean = false;
/** exit_mmap() does not mark what it frees. */
export const NO_MARK_EXIT: boolean = false;
/** mremap() does not mark its source. */
export const NO_MARK_MREMAP: boolean = false;
/** A stack grows without its mark: c137381f71ae. */
export const NO_MARK_EXPAND: boolean = false;
/** A walk of page tables changes them without marking the VMA: 49b0638502da. */
export const NO_MARK_GUARD: boolean = false;
/** fork() does not mark the parent's VMAs: fb49c455323f. */
export const NO_MARK_FORK: boolean = false;
/** A new VMA is in the tree before it is marked: 33313a747e81. */
export const STORE_BEFORE_MARK: boolean = false;
/** A merge shares the anon_vma before it marks the VMA: d8ab9f7b644a. */
export const MARK_AFTER_DUP: boolean = false;
/** A fault asks for the anon_vma before it locks the VMA: 657b5146955e. */
export const ANON_VMA_BEFORE_LOCK: boolean = false;
/** A fault gives its VMA an anon_vma, and looks at neighbours, under the VMA lock alone. */
export const ANON_VMA_WITHOUT_MMAP_LOCK: boolean = false;
/** A fault sleeps on mmap_lock while it holds a VMA lock: syzbot 159a3ef18940. */
export const MMAP_LOCK_UNDER_VMA_LOCK: boolean = false;

// Seed 004.

/** vmaStartRead() does not ask whose the VMA is by now. */
export const NO_MM_CHECK: boolean = false;
/** lockVmaUnderRcu() does not ask which range the VMA has by now. */
export const NO_RANGE_CHECK: boolean = false;
/** vmaStartRead() does not ask whether the VMA has left its tree. */
export const NO_DETACHED_CHECK: boolean = false;
/** vmaStartRead() looks at vm_mm before it knows the VMA attached: 107d21077790. */
export const MM_BEFORE_DETACHED: boolean = false;
/** vmaStartRead() compares with the sequence of whoever owns the VMA by now. */
export const SEQ_OF_OWNER: boolean = false;
/** A VMA is attached by a plain store, which does not publish its fields. */
export const ATTACH_PLAINLY: boolean = false;
/** vmaStartRead() asks by a plain load whether the VMA is attached. */
export const DETACHED_PLAINLY: boolean = false;
/** vmAreaDup() copies `attached` too, and takes it back afterwards. */
export const COPIED_ATTACHED: boolean = false;
/** The semaphore of a VMA is set up at every allocation. */
export const LOCK_REINIT: boolean = false;
/** A reader raises a count of 0. */
export const READ_DETACHED: boolean = false;
/** A reader enters although a writer excludes readers. */
export const NO_EXCLUSION: boolean = false;
/** A writer does not wait for the readers inside. */
export const NO_READER_WAIT: boolean = false;
/** Who detaches a VMA does not wait for late readers. */
export const NO_DETACH_WAIT: boolean = false;
/** The last reader does not wake the writer who waits. */
export const NO_READER_WAKE: boolean = false;
/** The last reader wakes the writer without moving the word that it sleeps on. */
export const WAKE_WITHOUT_EPOCH: boolean = false;
/** A writer looks at the word it sleeps on after it has looked at the count. */
export const LATE_EPOCH: boolean = false;
/** A reader looks whom to wake after it has given its count back. */
export const MM_AFTER_PUT: boolean = false;
/**
 * A reader wakes a writer of an mm that it does not hold, and mms are freed at once:
 * CVE-2025-38554.
 */
export const NO_MMGRAB: boolean = false;

// Beside them.

/** lockNextVma() goes on from a place in a tree that has changed: syzbot 131f9eb2b580. */
export const STALE_CURSOR: boolean = false;
/** Every grace period is over at once. */
export const NO_GRACE_PERIOD: boolean = false;
/** Readers under RCU do not announce themselves. */
export const RCU_UNANNOUNCED: boolean = false;
/** The tree is changed by a plain store. */
export const PUBLISH_PLAINLY: boolean = false;
/** Nodes that leave the tree are used again without a grace period. */
export const NODES_FREED_AT_ONCE: boolean = false;
/** munmap() frees page tables that a neighbour still needs. */
export const TABLES_OF_NEIGHBOURS: boolean = false;
/** A fault does not ask whether its entry is still what it was. */
export const NO_PTE_RECHECK: boolean = false;
/** Pages are freed before translations are flushed. */
export const NO_FLUSH_BEFORE_FREE: boolean = false;
/** A flush does not wait for stores under way. */
export const FLUSH_WITHOUT_WAIT: boolean = false;
/** A store does not announce itself to flushes. */
export const STORE_UNANNOUNCED: boolean = false;
/** A load does not ask whether a flush has overtaken it. */
export const LOAD_UNCHECKED: boolean = false;
/** A move that merges does not take the anon_vma along: CVE-2026-23077. */
export const MERGE_FORGETS_ANON_VMA: boolean = false;
