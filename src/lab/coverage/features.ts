/** Features as lab/fuzz/reach.ts names them, asked for by patterns. */
export type Counts = Readonly<Record<string, number>>;

export interface Found {
  readonly times: number;
  /** What the calls answered, what the touches met. */
  readonly outcomes: ReadonlySet<string>;
}

/** The kinds whose last part is an answer. */
const ANSWERED = /^(?:errno|flag|touch): /u;

/** All features whose beginning one of the patterns is; "errno: " may be left out. */
export function featuresLike(all: Counts, patterns: readonly string[]): Found {
  const expressions = patterns.map((pattern) => new RegExp(`^(?:errno: )?(?:${pattern})`, 'u'));
  const outcomes = new Set<string>();
  let times = 0;
  for (const [feature, n] of Object.entries(all)) {
    if (!expressions.some((expression) => expression.test(feature))) continue;
    times += n;
    if (ANSWERED.test(feature)) outcomes.add(feature.slice(feature.lastIndexOf(': ') + 2));
  }
  return { times, outcomes };
}
