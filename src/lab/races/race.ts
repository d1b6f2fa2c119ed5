/** A race of the engine: one story, in the protocols and with the planted bugs that differ in it. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { engineStage, type EngineScenario, type EngineStage } from './engine_stage.ts';

/** One form of it, and what is known to come out. */
export interface RaceVariant {
  /** 'old', 'new', or the planted bug. */
  readonly name: string;
  /** `violation`: something breaks in some interleaving. `none`: in no interleaving at all. */
  readonly expects: 'violation' | 'none';
  /** The bug that is planted. */
  readonly mutant: Mutant | null;
  readonly open: () => EngineStage;
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
  mutant: scenario.mutant ?? null,
  open: () => engineStage(scenario),
});

/** A variant that holds in every interleaving. */
export const holds = <State>(name: string, scenario: EngineScenario<State>): RaceVariant => ({
  name,
  expects: 'none',
  mutant: scenario.mutant ?? null,
  open: () => engineStage(scenario),
});
