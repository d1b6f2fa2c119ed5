/** A race of the engine: one story, in the protocols and with the planted bugs that differ in it. */
import type { EngineSchedulerOptions } from './engine_scheduler.ts';
import {
  type ArenaScenario,
  arenaStage,
  engineStage,
  type EngineScenario,
  type EngineStage,
} from './engine_stage.ts';

/** One form of it, and what is known to come out. */
export interface RaceVariant {
  /** 'old', 'new', or the planted bug. */
  readonly name: string;
  /** `violation`: something breaks in some interleaving. `none`: in no interleaving at all. */
  readonly expects: 'violation' | 'none';
  /** @param scheduler what is to be otherwise than the scenario says: `restsOnLocks: false`. */
  readonly open: (scheduler?: Partial<EngineSchedulerOptions>) => EngineStage;
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

/** On a machine, or on an arena alone. */
export type AnyScenario<State> = EngineScenario<State> | ArenaScenario<State>;

function open<State>(
  scenario: AnyScenario<State>,
  options: Partial<EngineSchedulerOptions> = {},
): EngineStage {
  const scheduler = { ...scenario.scheduler, ...options };
  return 'protocol' in scenario
    ? engineStage({ ...scenario, scheduler })
    : arenaStage({ ...scenario, scheduler });
}

/** A variant that breaks. */
export const breaks = <State>(name: string, scenario: AnyScenario<State>): RaceVariant => ({
  name,
  expects: 'violation',
  open: (scheduler) => open(scenario, scheduler),
});

/** A variant that holds in every interleaving. */
export const holds = <State>(name: string, scenario: AnyScenario<State>): RaceVariant => ({
  name,
  expects: 'none',
  open: (scheduler) => open(scenario, scheduler),
});
