/** What can be swept over: the scenarios, each in trees of several heights, and random programs. */
import type { SweepProfile } from './profiles.ts';
import { randomSteps } from './random_program.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { crowd } from './scene.ts';
import type { Program } from './sweep.ts';

/** How many other VMAs there are: none, or so many that the tree has two levels. */
export const CROWDS = [0, 31];

/** The scenarios whose name contains `text`. */
export function scenarioPrograms(text = '', crowds: readonly number[] = CROWDS): Program[] {
  return SCENARIOS.filter(({ name }) => name.includes(text)).flatMap((scenario) =>
    crowds.map((count) => programOf(scenario, count)),
  );
}

const programOf = ({ name, before, act, protocol }: Scenario, count: number): Program => ({
  name: count === 0 ? name : `${name}, with ${count} others`,
  command: `vmaspace sweep --only '${name}'`,
  protocol,
  before: [...before, ...crowd(count)],
  calls: [act],
});

/** Calls of a random program. */
const LENGTH = 40;

/** `runs` programs of each profile, from `seed` on. */
export function* randomPrograms(
  profiles: readonly SweepProfile[],
  seed: number,
  runs: number,
): Generator<Program> {
  for (let run = 0; run < runs; run++) {
    for (const profile of profiles) {
      yield {
        name: `${profile} ${seed + run}`,
        command: `vmaspace sweep --profile ${profile} --seed ${seed + run} --runs 1`,
        ...randomSteps(seed + run, profile, LENGTH),
      };
    }
  }
}
