import { describe, expect, it } from 'vitest';
import { Dpor } from '../check/dpor.ts';
import { type Coverage, searchThrough } from '../check/explore.ts';
import { HappensBefore } from '../check/happens_before.ts';
import { stageOf } from '../check/scenario.ts';
import { type EngineScenario, engineStage } from './engine_stage.ts';
import { gap } from './gap.ts';

function explored<State>(scenario: EngineScenario<State>): Coverage {
  const engine = engineStage(scenario);
  const stage = stageOf(engine.scenario);
  const races = new HappensBefore(stage.threadNames, stage.nameOf);
  const executor = stage.executor({ witnesses: [...engine.witnesses(), races], maxSteps: 1e6 });
  const search = new Dpor(stage.threadNames.length);
  try {
    return searchThrough(stage, executor, search, { executions: 1e5, seconds: 60 });
  } finally {
    engine.leave();
  }
}

describe('seed 000', () => {
  it('S0-2 a walker falls into the gap of a replacement in two steps', () => {
    expect(explored(gap('two-step')).failure?.message).toContain('found nothing');
  });

  it('S0-2 and finds no gap in any interleaving of a replacement by one store', () => {
    const coverage = explored(gap('gather'));
    expect(coverage).toMatchObject({ failure: null, isExhausted: true });
    expect(coverage.executions).toBeGreaterThan(1);
  });
});
