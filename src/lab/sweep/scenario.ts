/** A scenario: one call that is swept. */
import type { Protocol } from '../../index.ts';
import type { Step } from './step.ts';

/** One call, and what was done before it. */
export interface Scenario {
  readonly name: string;
  readonly before: readonly Step[];
  readonly act: Step;
  readonly protocol: Partial<Protocol>;
}

/** One that is made in the usual way, or as `protocol` says. */
export const scenario = (
  name: string,
  before: readonly Step[],
  act: Step,
  protocol: Partial<Protocol> = {},
): Scenario => ({ name, before, act, protocol });
