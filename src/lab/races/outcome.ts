/** What came out of exploring a variant, beside what is known to come out. */
import type { FailureKind } from '../check/failure.ts';
import type { Report } from '../check/report.ts';
import type { Answer, RaceListing, Task } from './task.ts';

/**
 * as known    it broke, or held in every interleaving, as it should
 * found       it broke
 * missed      it should have
 * unfinished  nothing was found, and not every interleaving was seen
 * failed      no answer
 */
export type Verdict = 'as known' | 'found' | 'missed' | 'unfinished' | 'failed';

export interface Outcome {
  readonly race: string;
  readonly variant: string;
  /** Null where it was asked for in a way that nobody knows the end of. */
  readonly expects: 'violation' | 'none' | null;
  readonly ids: readonly string[];
  readonly story: string;
  readonly mutant: string | null;
  readonly verdict: Verdict;
  readonly report: Report | null;
  /** Why there is no report. */
  readonly message: string | null;
}

/** Whether the variant is explored as it is defined, so that its end is known. */
const isAsDefined = ({ protocol, locks, options }: Task): boolean =>
  protocol === undefined && locks === undefined && options.shard === undefined;

/** @param races to look the variant up in. */
export function outcomeOf(
  answer: Answer & { readonly task: Task },
  races: readonly RaceListing[],
): Outcome {
  const { task } = answer;
  const race = races.find(({ name }) => name === task.race);
  const variant = race?.variants.find(({ name }) => name === task.variant);
  const expects = isAsDefined(task) ? (variant?.expects ?? null) : null;
  const report = answer.kind === 'report' ? answer.report : null;
  return {
    race: task.race,
    variant: task.variant,
    expects,
    ids: race?.ids ?? [],
    story: race?.story ?? '',
    mutant: variant?.mutant ?? null,
    verdict: verdictOf(report, expects),
    report,
    message: answer.kind === 'failed' ? answer.message : null,
  };
}

/** What speaks against the scenario, and not against the engine. */
const OWN_FAULTS: ReadonlySet<FailureKind> = new Set(['nondeterminism', 'swallowed', 'unseen']);
const isOwnFault = ({ counterexample }: Report): boolean =>
  counterexample !== null && OWN_FAULTS.has(counterexample.failure.kind);

function verdictOf(report: Report | null, expects: Outcome['expects']): Verdict {
  if (report === null || isOwnFault(report)) return 'failed';
  if (report.counterexample !== null) return expects === 'violation' ? 'as known' : 'found';
  if (expects === 'violation') return report.isExhausted ? 'missed' : 'unfinished';
  return report.isExhausted ? 'as known' : 'unfinished';
}

/** Whether it is a reason to say that something is wrong. */
export const isWrong = ({ verdict }: Outcome): boolean =>
  verdict === 'found' || verdict === 'missed' || verdict === 'failed';

/** What was found, in one sentence. */
export function findingText({ report, expects, message, verdict }: Outcome): string {
  if (report === null) return message ?? 'no answer';
  const { counterexample } = report;
  if (counterexample !== null) return firstLine(counterexample.failure.message);
  if (verdict === 'missed') return 'nothing, in any interleaving';
  if (!report.isExhausted) return 'nothing yet: the budget is spent';
  return expects === 'none' ? 'holds in every interleaving' : 'nothing wrong';
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
