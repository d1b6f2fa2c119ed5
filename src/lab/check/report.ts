/** What an exploration has to say: what it covered, and what it found. */
import type { Counterexample } from './counterexample.ts';
import type { Coverage } from './search_through.ts';

export type Strategy = 'dpor' | 'states' | 'all' | 'random' | 'pct';

export interface Report extends Omit<Coverage, 'failure' | 'word'> {
  readonly scenario: string;
  readonly variant: string;
  readonly strategy: Strategy;
  /** Of a strategy that goes by chance. */
  readonly seed: number | null;
  /** Of a part of a search: `1/4`. */
  readonly shard: string | null;
  readonly counterexample: Counterexample | null;
}

/** One line: what was covered. */
export function coverageText(report: Report): string {
  const { executions, cut, finals, deepest, steps, seconds, seed, shard } = report;
  return [
    `${extentText(report)}: ${executions} executions by ${report.strategy}, ${cut} of them cut short`,
    `${finals} final states`,
    `deepest ${deepest} steps`,
    `${steps} accesses`,
    `${seconds.toFixed(3)} s`,
    ...(seed === null ? [] : [`seed ${seed}`]),
    ...(shard === null ? [] : [`shard ${shard}`]),
  ].join(', ');
}

function extentText({ counterexample, isExhausted, shard, strategy }: Report): string {
  if (counterexample !== null) return 'stopped at the first failure';
  if (isExhausted) return shard === null ? 'every schedule covered' : 'all of this shard covered';
  return strategy === 'random' || strategy === 'pct'
    ? 'by chance, so nothing is proved'
    : 'NOT every schedule: the budget is spent';
}

/** A report, to be read. */
export function reportText(report: Report): string {
  const { counterexample, scenario, variant } = report;
  const name = variant === '' ? scenario : `${scenario} (${variant})`;
  const covered = coverageText(report);
  if (counterexample === null) return `${name}: nothing wrong. ${covered}.`;
  return `${counterexample.text}\n${covered}.`;
}

/** The document of `--json`: see the interfaces of the commands. */
export function reportDocument(reports: readonly Report[]) {
  const failing = reports.filter(({ counterexample }) => counterexample !== null);
  const isRace = ({ counterexample }: Report): boolean => counterexample?.failure.kind === 'race';
  const sum = (value: (report: Report) => number): number =>
    reports.reduce((total, report) => total + value(report), 0);
  return {
    schema: 'vmaspace-check/1',
    ok: failing.length === 0,
    summary: {
      scenarios: new Set(reports.map(({ scenario, variant }) => `${scenario}:${variant}`)).size,
      schedules: sum(({ executions }) => executions),
      steps: sum(({ steps }) => steps),
      violations: failing.filter((report) => !isRace(report)).length,
      races: failing.filter(isRace).length,
      exhausted: reports.every(({ isExhausted }) => isExhausted) ? 1 : 0,
      seconds: sum(({ seconds }) => seconds),
    },
    findings: failing,
  };
}

/**
 * Puts the reports of all shards of one search together.
 *
 * Final states of different shards may be the same: their sum is the most that there can be.
 *
 * @throws RangeError when they are not all shards of one search.
 */
export function mergeReports(reports: readonly Report[]): Report {
  const [first] = reports;
  if (first === undefined) throw new RangeError('no report to merge: give those of all shards.');
  refuseOthers(first, reports);
  const sum = (key: 'executions' | 'cut' | 'steps' | 'finals' | 'seconds'): number =>
    reports.reduce((total, report) => total + report[key], 0);
  return {
    ...first,
    shard: null,
    executions: sum('executions'),
    cut: sum('cut'),
    steps: sum('steps'),
    finals: sum('finals'),
    seconds: sum('seconds'),
    deepest: Math.max(...reports.map(({ deepest }) => deepest)),
    isExhausted: reports.every(({ isExhausted }) => isExhausted),
    counterexample:
      reports.find(({ counterexample }) => counterexample !== null)?.counterexample ?? null,
  };
}

function refuseOthers(first: Report, reports: readonly Report[]): void {
  const shards = new Set(reports.map(({ shard }) => shard));
  const count = Number(first.shard?.split('/')[1] ?? 1);
  const isOne = reports.every(
    (report) =>
      report.scenario === first.scenario &&
      report.variant === first.variant &&
      report.strategy === first.strategy &&
      Number(report.shard?.split('/')[1] ?? 1) === count,
  );
  if (isOne && shards.size === count && reports.length === count) return;
  throw new RangeError(
    `${reports.length} reports are not the ${count} shards of one search of ${first.scenario}.`,
  );
}
