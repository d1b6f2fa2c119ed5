/** A race of the engine: one story, in the protocols and with the planted bugs that differ in it. */
import { type EngineScenario, type OpenScenario, openScenario } from './engine_stage.ts';

/** One form of it, and what is known to come out. */
export interface RaceVariant {
  /** 'two-step', 'refcnt', or the planted bug. */
  readonly name: string;
  /** `violation`: something breaks in some interleaving. `none`: in no interleaving at all. */
  readonly expects: 'violation' | 'none';
  /** @param race the name of the race. */
  readonly open: (race: string) => OpenScenario;
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
export const breaks = <State>(name: string, scenario: EngineScenario<State>): RaceVariant => ({
  name,
  expects: 'violation',
  open: (race) => openScenario(scenario, { name: race, variant: name }),
});

/** A variant that holds in every interleaving. */
export const holds = <State>(name: string, scenario: EngineScenario<State>): RaceVariant => ({
  name,
  expects: 'none',
  open: (race) => openScenario(scenario, { name: race, variant: name }),
});
