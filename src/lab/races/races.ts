/** Every race there is, in the order of the seeds. */
import { FAULTS } from './faults.ts';
import { GAP } from './gap.ts';
import {
  DOWNGRADE,
  FALSE_UNLOCKED,
  LOST_WAKE_UP,
  OVERFLOW,
  RELEASE_ORDER,
  UP_READ,
} from './per_vma_lock.ts';
import type { Race } from './race.ts';
import { TREES } from './tree_readers.ts';
import { BACK_AGAIN, COPY, DETACHED, OTHER_MM, OTHER_RANGE, SHRUNK, WAKE_UP } from './vma_reuse.ts';
import { MARKS } from './write_marks.ts';

export const RACES: readonly Race[] = [
  GAP,
  FALSE_UNLOCKED,
  LOST_WAKE_UP,
  RELEASE_ORDER,
  DOWNGRADE,
  OVERFLOW,
  UP_READ,
  ...MARKS,
  ...FAULTS,
  ...TREES,
  OTHER_MM,
  OTHER_RANGE,
  SHRUNK,
  DETACHED,
  BACK_AGAIN,
  COPY,
  WAKE_UP,
];
