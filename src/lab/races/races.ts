/** Every race there is, in the order of the seeds; before them, what they all stand on. */
import { GAP } from './gap.ts';
import { L1_BURY } from './l1_bury.ts';
import { L1_RCU } from './l1_rcu.ts';
import { L1_REFCOUNT } from './l1_refcount.ts';
import { L1_RWSEM } from './l1_rwsem.ts';
import { L1_RWSEM_FAIR, L1_RWSEM_LINE } from './l1_rwsem_line.ts';
import { L1_SLAB } from './l1_slab.ts';
import { L1_SPINLOCK } from './l1_spinlock.ts';
import { L1_SPECULATE, L1_VMA_LOCK } from './l1_vma_lock.ts';
import type { Race } from './race.ts';

import { PAIRS, READ_PAIRS, TRIPLES } from './linearizable.ts';
export const RACES: readonly Race[] = [
  GAP,
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
