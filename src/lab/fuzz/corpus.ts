/**
 * The programs that reached something first, and how often each feature was reached. Who looks for
 * a program to vary is given the one of a rare feature.
 */
import type { Step } from '../oracle/programs.ts';
import type { Random } from '../oracle/random.ts';

interface Feature {
  /** How often it was reached. */
  count: number;
  readonly first: readonly Step[];
}

/** Of so many features drawn the rarest is taken. */
const DRAWN = 3;

class Corpus {
  readonly features = new Map<string, Feature>();

  /** What a program reached; whoever was first is kept. */
  learn(steps: readonly Step[], reached: ReadonlyMap<string, number>): void {
    for (const [name, times] of reached) {
      const feature = this.features.get(name);
      if (feature === undefined) this.features.set(name, { count: times, first: steps });
      else feature.count += times;
    }
  }

  /** A program that reached something rare, if there is any program yet. */
  rare(random: Random): readonly Step[] | undefined {
    const all = [...this.features.values()];
    if (all.length === 0) return undefined;
    const drawn = Array.from({ length: DRAWN }, () => random.pick(all));
    return drawn.reduce((one, other) => (other.count < one.count ? other : one)).first;
  }
}

/** One corpus for each user: what is safe for one whom limits stop may fill memory for root. */
export class Corpora {
  readonly #byUser = new Map<number, Corpus>();

  of(uid: number): Corpus {
    const corpus = this.#byUser.get(uid) ?? new Corpus();
    this.#byUser.set(uid, corpus);
    return corpus;
  }

  /** Feature to how often, in the order of the names. */
  counts(): Record<string, number> {
    const counts = new Map<string, number>();
    for (const { features } of this.#byUser.values()) {
      for (const [name, { count }] of features) counts.set(name, (counts.get(name) ?? 0) + count);
    }
    return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}
