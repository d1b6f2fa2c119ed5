/** A race of the engine: one story, in the protocols and with the bugs that make a difference. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { type AnyScenario, type OpenScenario, openScenario } from './engine_stage.ts';
import type { Opening } from './task.ts';

/** One form of it, and what is known to come out. */
export interface RaceVariant {
  /** 'two-step', 'refcnt', or the planted bug. */
  readonly name: string;
  /** `violation`: something breaks in some interleaving. `none`: in no interleaving at all. */
  readonly expects: 'violation' | 'none';
  /** The bug that is planted, if one is. */
  readonly mutant: Mutant | null;
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
export const breaks = <State>(name: string, scenario: AnyScenario<State>): RaceVariant =>
  variantOf(name, 'violation', scenario);

/** A variant that holds in every interleaving. */
export const holds = <State>(name: string, scenario: AnyScenario<State>): RaceVariant =>
  variantOf(name, 'none', scenario);

function variantOf<State>(
  name: string,
  expects: RaceVariant['expects'],
  scenario: AnyScenario<State>,
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
function changed<State>(
  scenario: AnyScenario<State>,
  { protocol = {}, locks }: Opening,
): AnyScenario<State> {
  const scheduler = { ...scenario.scheduler, ...(locks === 'real' ? { restsOnLocks: false } : {}) };
  if (!('protocol' in scenario)) return { ...scenario, scheduler };
  return { ...scenario, scheduler, protocol: { ...scenario.protocol, ...protocol } };
}

/** A planted bug, as a part of a scenario; none when there is none. */
export const planted = (mutant?: Mutant): { readonly mutant?: Mutant } =>
  mutant === undefined ? {} : { mutant };
