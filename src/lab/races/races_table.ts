/** Outcomes as a table, for a terminal and for docs/races.md. */
import { findingText, isWrong, type Outcome } from './outcome.ts';

const COLUMNS = ['race', 'variant', 'executions', 'preemptions', 'what comes out'] as const;

type Row = readonly [string, string, string, string, string];

const rowOf = (outcome: Outcome): Row => [
  outcome.race,
  outcome.variant,
  outcome.report === null ? '-' : outcome.report.executions.toLocaleString('en-US'),
  preemptionsOf(outcome),
  `${isWrong(outcome) ? `${outcome.verdict.toUpperCase()}: ` : ''}${findingText(outcome)}`,
];

const preemptionsOf = ({ report }: Outcome): string =>
  report?.counterexample === null || report === null
    ? ''
    : String(report.counterexample.preemptions);

/** Executions and preemptions. */
const isNumber = (column: number): boolean => column === 2 || column === 3;

/** One line an outcome, in columns. */
export function tableText(outcomes: readonly Outcome[]): string {
  const rows = [COLUMNS as Row, ...outcomes.map(rowOf)];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: Row): string =>
    row
      .map((cell, i) => (isNumber(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}

/** What was covered by all of them, in one line. */
export function summaryText(outcomes: readonly Outcome[], seconds: number): string {
  const known = outcomes.filter(({ verdict }) => verdict === 'as known');
  const broke = known.filter(({ expects }) => expects === 'violation').length;
  const wrong = outcomes.filter(isWrong).length;
  const unfinished = outcomes.filter(({ verdict }) => verdict === 'unfinished').length;
  const total = (value: (outcome: Outcome) => number): string =>
    outcomes.reduce((sum, outcome) => sum + value(outcome), 0).toLocaleString('en-US');
  return [
    `${outcomes.length} ${outcomes.length === 1 ? 'variant' : 'variants'}`,
    `${broke} break as they should`,
    `${known.length - broke} hold in every interleaving`,
    ...(wrong === 0 ? [] : [`${wrong} WRONG`]),
    ...(unfinished === 0 ? [] : [`${unfinished} not explored to the end`]),
    `${total(({ report }) => report?.executions ?? 0)} executions`,
    `${total(({ report }) => report?.steps ?? 0)} accesses`,
    `${seconds.toFixed(1)} s`,
  ].join(', ');
}

const HEAD = `<!-- Made by \`npm run races\`; a test compares it with what comes out. -->

# Races

Every interleaving of the engine in these scenarios; \`vmaspace check\` explores them again. A
variant is a protocol that the engine can be told to follow, or a bug that is planted in it. What
breaks does so in the interleaving that \`vmaspace check RACE:VARIANT\` shows; what holds does so in
every one, to the end.

*Executions* says how many it took, *preemptions* how often the first failing one leaves a thread
that could have gone on. How a scenario is written: [races](../src/lab/races/README.md).
`;

/** docs/races.md. */
export function tablePage(outcomes: readonly Outcome[]): string {
  const races = [...new Set(outcomes.map(({ race }) => race))];
  const sections = races.map((race) => {
    const of = outcomes.filter((outcome) => outcome.race === race);
    const [first] = of;
    const ids = first === undefined || first.ids.length === 0 ? '' : ` (${first.ids.join(', ')})`;
    const rows = of.map((outcome) => {
      const [, variant, executions, preemptions, what] = rowOf(outcome);
      return `| \`${variant}\` | ${executions} | ${preemptions} | ${what} |`;
    });
    return [
      `## ${race}`,
      '',
      `${first?.story ?? ''}${ids}`,
      '',
      '| variant | executions | preemptions | what comes out |',
      '| --- | ---: | ---: | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return `${HEAD}\n${sections.join('\n')}\n${mutantsPage(outcomes)}`;
}

/** Which scenario finds each protecting step missing when it is taken away. */
function mutantsPage(outcomes: readonly Outcome[]): string {
  const planted = outcomes.filter(({ mutant }) => mutant !== null);
  const names = [...new Set(planted.map(({ mutant }) => mutant ?? ''))].toSorted();
  const rows = names.map((name) => {
    const found = planted.filter(({ mutant, report }) => mutant === name && report?.counterexample);
    const [best] = found.toSorted(
      (a, b) => (a.report?.executions ?? 0) - (b.report?.executions ?? 0),
    );
    const [race, , executions = '', preemptions = ''] = best === undefined ? ['-'] : rowOf(best);
    const kind = best?.report?.counterexample?.failure.kind ?? '-';
    return `| \`${name}\` | ${race} | ${executions} | ${preemptions} | ${kind} |`;
  });
  return [
    '## Planted bugs',
    '',
    'What each takes away from the engine is said in `src/engine/arena/no_mutants.ts`. It shows as a',
    '*violation* of what the scenario demands; as a *race* of plain accesses, or an access to what is',
    'freed or not marked; as an *error*, a broken assertion; as a *deadlock*, or an *endless* loop.',
    '',
    '| planted bug | found by | executions | preemptions | as |',
    '| --- | --- | ---: | ---: | --- |',
    ...rows,
    '',
  ].join('\n');
}
