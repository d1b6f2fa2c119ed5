/** A race of the engine: one story, in the protocols and with the bugs that make a difference. */
import { type EngineScenario, type OpenScenario, openScenario } from './engine_stage.ts';
import type { Opening } from './task.ts';

/** One form of it, and what is known to come out. */
export interface RaceVariant {
  /** 'two-step', 'refcnt', or the planted bug. */
  readonly name: string;
  /** `violation`: something breaks in some interleaving. `none`: in no interleaving at all. */
  readonly expects: 'violation' | 'none';
  /** The bug that is planted, if one is. */
  readonly mutant: string | null;
  /** @param race the name of the race. */
  readonly open: (race: string, opening?: Opening) => OpenScenario;
}

export interface Race {
  /** '000-gap'. */
  readonly name: string;
  /** Of the requirements that it is about. */
  readonly ids: readonly string[];
  /** One sentence. */
  readonly story: string;
  readonly variants: readonly RaceVariant[];
}

/** A variant that breaks. */
export const breaks = <State>(name: string, scenario: EngineScenario<State>): RaceVariant =>
  variantOf(name, 'violation', scenario);

/** A variant that holds in every interleaving. */
export const holds = <State>(name: string, scenario: EngineScenario<State>): RaceVariant =>
  variantOf(name, 'none', scenario);

function variantOf<State>(
  name: string,
  expects: RaceVariant['expects'],
  scenario: EngineScenario<State>,
): RaceVariant {
  return {
    name,
    expects,
    mutant: scenario.mutant ?? null,
    open: (race, opening = {}) =>
      openScenario(changed(scenario, opening), { name: race, variant: name }),
  };
}

/** The scenario in another protocol, or with locks that wait as in production. */
const changed = <State>(
  scenario: EngineScenario<State>,
  { protocol = {}, locks }: Opening,
): EngineScenario<State> => ({
  ...scenario,
  protocol: { ...scenario.protocol, ...protocol },
  ...(locks === 'real' ? { scheduler: { ...scenario.scheduler, restsOnLocks: false } } : {}),
});
