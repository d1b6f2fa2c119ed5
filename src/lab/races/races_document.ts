/** The document of `vmaspace check --json`. */
import { isWrong, findingText, type Outcome } from './outcome.ts';

const isRace = ({ report }: Outcome): boolean => report?.counterexample?.failure.kind === 'race';
const told = (outcome: Outcome) => Object.assign({ what: findingText(outcome) }, outcome);

export function racesDocument(outcomes: readonly Outcome[], seconds: number) {
  const reports = outcomes.flatMap(({ report }) => (report === null ? [] : [report]));
  const sum = (value: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((total, report) => total + value(report), 0);
  const wrong = outcomes.filter(isWrong);
  return {
    schema: 'vmaspace-check/1',
    ok: wrong.length === 0,
    summary: {
      scenarios: outcomes.length,
      schedules: sum(({ executions }) => executions),
      blocked: sum(({ cut }) => cut),
      steps: sum(({ steps }) => steps),
      /** Not counted: those that break as they should, `expected`. */
      violations: wrong.filter((outcome) => !isRace(outcome)).length,
      races: wrong.filter(isRace).length,
      expected: outcomes.filter(
        ({ verdict, expects }) => verdict === 'as known' && expects === 'violation',
      ).length,
      unfinished: outcomes.filter(({ verdict }) => verdict === 'unfinished').length,
      exhausted: outcomes.some(({ verdict }) => verdict === 'unfinished') ? 0 : 1,
      seconds,
    },
    findings: wrong.map(told),
    outcomes: outcomes.map(told),
  };
}
