/** What is asked of an explorer, which is a process of its own, and what it answers. */
import type { Protocol } from '../../index.ts';
import type { ExploreOptions } from '../check/explore.ts';
import type { Report } from '../check/report.ts';

/** How a variant is opened other than as it is defined. */
export interface Opening {
  /** In place of the values of its own protocol. */
  readonly protocol?: Partial<Protocol>;
  /** 'real': who finds a lock taken waits as in production, not as a step of the checker. */
  readonly locks?: 'real';
}

/** One variant, to be explored. */
export interface Task extends Opening {
  readonly race: string;
  readonly variant: string;
  readonly options: ExploreOptions;
  /** A schedule to be followed, in place of a search. */
  readonly replay?: string;
}

/** A race without what only the explorer can use. */
export interface RaceListing {
  readonly name: string;
  readonly ids: readonly string[];
  readonly story: string;
  readonly variants: readonly {
    readonly name: string;
    readonly expects: 'violation' | 'none';
    readonly mutant: string | null;
  }[];
}

/** What a schedule led to. */
export interface ReplayAnswer {
  readonly failure: string | null;
  /** Why it could not be followed to its end, or null. */
  readonly problem: string | null;
  readonly threads: readonly string[];
  readonly steps: readonly unknown[];
  readonly text: string;
}

export type Answer =
  | { readonly kind: 'races'; readonly races: readonly RaceListing[] }
  | { readonly kind: 'report'; readonly task: Task; readonly report: Report }
  | { readonly kind: 'replayed'; readonly task: Task; readonly replayed: ReplayAnswer }
  /** The scenario itself could not be set up, or the explorer is broken. */
  | { readonly kind: 'failed'; readonly task: Task; readonly message: string };
