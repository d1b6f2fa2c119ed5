/** Every race there is, in the order of the seeds; behind them, what they all stand on. */
import { EVERY_ALLOCATION } from './every_allocation.ts';
import { ABORT_WITHOUT_MEMORY, FAILED_MAP_FIXED } from './failed_map_fixed.ts';
import { FAILED_FORK_RACES } from './failed_fork.ts';
import { FAULTS } from './faults.ts';
import { FORK_CONTENTS } from './fork_contents.ts';
import { GAP, GAP_IN_WALK } from './gap.ts';
import { HOOK_RACES } from './hooks.ts';
import { L1_BURY } from './l1_bury.ts';
import { L1_RCU } from './l1_rcu.ts';
import { L1_REFCOUNT } from './l1_refcount.ts';
import { L1_RWSEM } from './l1_rwsem.ts';
import { L1_RWSEM_FAIR, L1_RWSEM_LINE } from './l1_rwsem_line.ts';
import { L1_SLAB } from './l1_slab.ts';
import { L1_SPINLOCK } from './l1_spinlock.ts';
import { L1_SPECULATE, L1_VMA_LOCK } from './l1_vma_lock.ts';
import { PAIRS, READ_PAIRS, TRIPLES } from './linearizable.ts';
import {
  DOWNGRADE,
  FALSE_UNLOCKED,
  LOST_WAKE_UP,
  OVERFLOW,
  RELEASE_ORDER,
  UP_READ,
} from './per_vma_lock.ts';
import type { Race } from './race.ts';
import { CLOSE_BEFORE_REPLACE, TRUNCATE } from './replacement.ts';
import { STACK_RACES } from './stack.ts';
import { STALE_LOOKUP } from './stale_lookup.ts';
import { TREES } from './tree_readers.ts';
import { BACK_AGAIN, COPY, DETACHED, OTHER_MM, OTHER_RANGE, SHRUNK, WAKE_UP } from './vma_reuse.ts';
import { MARKS } from './write_marks.ts';

export const RACES: readonly Race[] = [
  GAP,
  GAP_IN_WALK,
  FAILED_MAP_FIXED,
  ABORT_WITHOUT_MEMORY,
  TRUNCATE,
  CLOSE_BEFORE_REPLACE,
  STALE_LOOKUP,
  ...STACK_RACES,
  ...HOOK_RACES,
  FALSE_UNLOCKED,
  LOST_WAKE_UP,
  RELEASE_ORDER,
  DOWNGRADE,
  OVERFLOW,
  UP_READ,
  ...MARKS,
  ...FAULTS,
  ...TREES,
  ...FAILED_FORK_RACES,
  FORK_CONTENTS,
  EVERY_ALLOCATION,
  OTHER_MM,
  OTHER_RANGE,
  SHRUNK,
  DETACHED,
  BACK_AGAIN,
  COPY,
  WAKE_UP,
  L1_SPINLOCK,
  L1_RWSEM,
  L1_RWSEM_LINE,
  L1_RWSEM_FAIR,
  L1_REFCOUNT,
  L1_RCU,
  L1_SLAB,
  L1_VMA_LOCK,
  L1_SPECULATE,
  L1_BURY,
  ...PAIRS,
  ...READ_PAIRS,
  ...TRIPLES,
];
