/** Explores what is on a stage, to its end or to the first failure, and leaves the stage. */
import { Dpor } from '../check/dpor.ts';
import { type Coverage, searchThrough } from '../check/explore.ts';
import { HappensBefore } from '../check/happens_before.ts';
import type { EngineStage } from './engine_stage.ts';

export function explored({ stage, witnesses, leave }: EngineStage): Coverage {
  const races = new HappensBefore(stage.threadNames, stage.nameOf);
  const executor = stage.executor({ witnesses: [...witnesses, races], maxSteps: 1e6 });
  const search = new Dpor(stage.threadNames.length);
  try {
    return searchThrough(stage, executor, search, { executions: 1e6, seconds: 60 });
  } finally {
    leave();
  }
}
