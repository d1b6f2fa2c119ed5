/** Explores an open scenario, to its end or to the first failure, and leaves it. */
import { explore, type ExploreOptions } from '../check/explore.ts';
import type { Report } from '../check/report.ts';
import type { OpenScenario } from './engine_stage.ts';

/** Accesses of an execution, plain ones too, after which it is taken for endless. */
export const MAX_STEPS = 1_000_000;

export function explored({ scenario, leave }: OpenScenario, options: ExploreOptions): Report {
  try {
    return explore(scenario, { maxSteps: MAX_STEPS, ...options });
  } finally {
    leave();
  }
}
