import { describe, expect, it } from 'vitest';
import { explore, replay } from '../../src/lab/check/index.ts';
import { HISTORIC_RACES, scenarioOf } from './historic_races.ts';

describe.each(HISTORIC_RACES)('$name', (race) => {
  it.each(race.old)('is found in the %s protocol', (protocol) => {
    const report = explore(scenarioOf(race, protocol));
    const { counterexample, executions } = report;
    if (counterexample === null) return expect.fail('nothing was found');
    expect(counterexample.failure.message).toMatch(race.fails);
    expect(counterexample.hasFewestPreemptions).toBe(true);
    expect(executions).toBeLessThanOrEqual(race.most);
    const again = replay(scenarioOf(race, protocol), counterexample.schedule);
    expect(again.failure).toEqual(counterexample.failure);
    expect(again.steps).toEqual(counterexample.steps);
  });

  it.each(race.repaired)('is in no schedule of the %s protocol', (protocol) => {
    const report = explore(scenarioOf(race, protocol));
    expect(report.counterexample?.text).toBeUndefined();
    expect(report.isExhausted).toBe(true);
    expect(report.executions).toBeLessThanOrEqual(race.most);
    const states = explore(scenarioOf(race, protocol), { strategy: 'states' });
    expect(states.isExhausted).toBe(true);
    expect(states.counterexample).toBe(null);
    expect(states.finals).toBe(report.finals);
  });
});
