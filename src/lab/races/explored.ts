/** Explores an open scenario, to its end or to the first failure, and leaves it. */
import { explore } from '../check/explore.ts';
import type { Report } from '../check/report.ts';
import type { OpenScenario } from './engine_stage.ts';

export function explored({ scenario, leave }: OpenScenario): Report {
  try {
    return explore(scenario, { maxSteps: 1e6, shrink: false });
  } finally {
    leave();
  }
}
