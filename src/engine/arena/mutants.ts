/** Planted bugs that can be switched on: what `#mutants` is in a checked build. */
export let NO_MM_CHECK: boolean = false;

/** The switch of each. */
const SWITCHES = {
  NO_MM_CHECK: (isOn: boolean) => void (NO_MM_CHECK = isOn),
} as const;

export type Mutant = keyof typeof SWITCHES;

export const MUTANTS = Object.keys(SWITCHES) as readonly Mutant[];

/** Plants one bug, and takes every other one away; null: no bug at all. */
export function plantMutant(name: Mutant | null): void {
  for (const mutant of MUTANTS) SWITCHES[mutant](mutant === name);
}
