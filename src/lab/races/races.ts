/** Every race there is, in the order of the seeds. */
import { GAP } from './gap.ts';
import type { Race } from './race.ts';

export const RACES: readonly Race[] = [GAP];
