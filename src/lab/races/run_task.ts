/** Does what an explorer is asked for. Only under the condition `checked`. */
import { replay } from '../check/counterexample.ts';
import { explore } from '../check/explore.ts';
import { RACES } from './races.ts';
import type { RaceVariant } from './race.ts';
import type { Answer, RaceListing, Task } from './task.ts';

/** Accesses of an execution, plain ones too, after which it is taken for endless. */
const MAX_STEPS = 1_000_000;

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
    return task.replay === undefined ? explored(task) : replayed(task, task.replay);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', task, message };
  }
}

function explored(task: Task): Answer {
  const { scenario, leave } = variantOf(task).open(task.race, task);
  try {
    const report = explore(scenario, { maxSteps: MAX_STEPS, ...task.options });
    return { kind: 'report', task, report };
  } finally {
    leave();
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
