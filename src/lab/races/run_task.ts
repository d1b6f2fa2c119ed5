/** Does what an explorer is asked for. Only under the condition `checked`. */
import { replay } from '../check/counterexample.ts';
import { explored, MAX_STEPS } from './explored.ts';
import { RACES } from './races.ts';
import type { RaceVariant } from './race.ts';
import type { Answer, RaceListing, Task } from './task.ts';

export const listing = (): RaceListing[] =>
  RACES.map(({ name, ids, story, variants }) => ({
    name,
    ids,
    story,
    variants: variants.map(({ name: variant, expects, mutant }) => ({
      name: variant,
      expects,
      mutant,
    })),
  }));

export function runTask(task: Task): Answer {
  try {
    if (task.replay !== undefined) return replayed(task, task.replay);
    const report = explored(variantOf(task).open(task.race, task), task.options);
    return { kind: 'report', task, report };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', task, message };
  }
}

function replayed(task: Task, schedule: string): Answer {
  const { scenario, leave } = variantOf(task).open(task.race, task);
  try {
    const { failure, ...rest } = replay(scenario, schedule, { maxSteps: MAX_STEPS });
    return { kind: 'replayed', task, replayed: { ...rest, failure: failure?.message ?? null } };
  } finally {
    leave();
  }
}

function variantOf({ race, variant }: Task): RaceVariant {
  const found = RACES.find(({ name }) => name === race);
  const form = found?.variants.find(({ name }) => name === variant);
  if (form === undefined) throw new RangeError(`there is no race ${race} with ${variant}.`);
  return form;
}
