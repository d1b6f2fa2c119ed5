/** Every race there is, in the order of the seeds. */
import { FAILED_MAP_FIXED } from './failed_map_fixed.ts';
import { GAP, GAP_IN_WALK } from './gap.ts';
import type { Race } from './race.ts';
import { STORE_TO_VICTIM, TRUNCATE } from './replacement.ts';

export const RACES: readonly Race[] = [
  GAP,
  GAP_IN_WALK,
  FAILED_MAP_FIXED,
  STORE_TO_VICTIM,
  TRUNCATE,
];
