/** Every race there is, in the order of the seeds. */
import { EVERY_ALLOCATION } from './every_allocation.ts';
import { ABORT_WITHOUT_MEMORY, FAILED_MAP_FIXED } from './failed_map_fixed.ts';
import { FAILED_FORK_RACES } from './failed_fork.ts';
import { FORK_CONTENTS } from './fork_contents.ts';
import { GAP, GAP_IN_WALK } from './gap.ts';
import { HOOK_RACES } from './hooks.ts';
import type { Race } from './race.ts';
import { CLOSE_BEFORE_REPLACE, TRUNCATE } from './replacement.ts';
import { STACK_RACES } from './stack.ts';
import { STALE_LOOKUP } from './stale_lookup.ts';

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
  ...FAILED_FORK_RACES,
  FORK_CONTENTS,
  EVERY_ALLOCATION,
];
