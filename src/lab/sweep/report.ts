/** What `vmaspace sweep` says: one document for machines, and Markdown for people. */
import { OUTCOME_NAMES, type OutcomeName, OUTCOMES } from './outcome.ts';
import { PART_NAMES } from './parts.ts';
import type { StepName } from './step.ts';
import type { Finding, SiteRow, SweepResult } from './sweep.ts';
import { type Mode, MODES } from './trial.ts';

interface SiteDocument {
  readonly site: string;
  readonly outcomes: Readonly<
    Partial<Record<OutcomeName, { readonly count: number; readonly calls: readonly StepName[] }>>
  >;
}

/** What machines read. */
export interface SweepDocument {
  readonly schema: 'vmaspace-sweep/1';
  /** There was no outcome that is none of those known. */
  readonly ok: boolean;
  readonly summary: {
    readonly programs: number;
    readonly calls: number;
    readonly callsThatAllocate: number;
    readonly attempts: number;
    readonly sites: number;
    readonly unknown: number;
  };
  readonly attempts: Readonly<Record<Mode, number>>;
  readonly outcomes: Readonly<Record<OutcomeName, { readonly count: number; readonly is: string }>>;
  readonly sites: readonly SiteDocument[];
  readonly findings: readonly Finding[];
}

export function sweepDocument(result: SweepResult): SweepDocument {
  const { programs, calls, callsWithout, attempts, findings } = result;
  const outcomes = OUTCOME_NAMES.map((name) => [
    name,
    { count: countOf(result, name), is: OUTCOMES[name] },
  ]);
  return {
    schema: 'vmaspace-sweep/1',
    ok: findings.length === 0,
    summary: {
      programs,
      calls,
      callsThatAllocate: calls - callsWithout,
      attempts: attemptsOf(result),
      sites: result.sites.size,
      unknown: findings.length,
    },
    attempts,
    outcomes: Object.fromEntries(outcomes) as SweepDocument['outcomes'],
    sites: sortedSites(result).map(siteDocument),
    findings,
  };
}

function siteDocument({ site, outcomes }: SiteRow): SiteDocument {
  const entries = [...outcomes].map(([name, { count, calls }]) => [
    name,
    { count, calls: [...calls].toSorted() },
  ]);
  return { site, outcomes: Object.fromEntries(entries) as SiteDocument['outcomes'] };
}

const sortedSites = ({ sites }: SweepResult): SiteRow[] =>
  [...sites.values()].toSorted((a, b) => (a.site < b.site ? -1 : 1));

const countOf = ({ sites }: SweepResult, name: OutcomeName): number =>
  [...sites.values()].reduce((sum, { outcomes }) => sum + (outcomes.get(name)?.count ?? 0), 0);

const attemptsOf = ({ attempts }: SweepResult): number =>
  MODES.reduce((sum, mode) => sum + attempts[mode], 0);

/** How many findings are shown in full. */
const SHOWN = 10;

/** The report, as Markdown. */
export function sweepText(result: SweepResult): string {
  return [
    ...headLines(result),
    '',
    ...outcomeLines(result),
    '',
    ...siteLines(result),
    ...findingLines(result),
    '',
  ].join('\n');
}

function headLines(result: SweepResult): string[] {
  const { programs, calls, callsWithout, attempts, findings } = result;
  const again = attempts['then again'];
  return [
    '# What becomes of calls when memory fails',
    '',
    'Made by `vmaspace sweep`. docs/failure.md says what it means.',
    '',
    `${programs} programs; ${calls} calls, ${calls - callsWithout} of which allocate; ` +
      `${attemptsOf(result)} attempts:`,
    '',
    `- ${attempts.once} with one allocation that fails`,
    `- ${attempts['for ever']} with all that fail from one on, until everything is taken down`,
    `- ${attempts['fork step']} of fork with a step that fails`,
    `- ${again} after a failure that left nothing, with memory: as if it had been the first`,
    '',
    `${result.sites.size} sites. Unknown outcomes: ${findings.length}.`,
  ];
}

function outcomeLines(result: SweepResult): string[] {
  const rows = OUTCOME_NAMES.map((name) => [name, String(countOf(result, name)), OUTCOMES[name]]);
  return table([['outcome', 'times', 'what that is'], ...rows]);
}

/** Columns of the table of sites; the rest are parts, which few sites have. */
const COLUMNS = ['unchanged', 'splits', 'hole', 'completed', 'another way', 'unknown'] as const;

function siteLines(result: SweepResult): string[] {
  const rows = sortedSites(result).map(siteRow);
  return table([['kind of object: who asked for it', ...COLUMNS, 'in part'], ...rows]);
}

function siteRow({ site, outcomes }: SiteRow): string[] {
  const times = (name: OutcomeName): string => String(outcomes.get(name)?.count ?? '');
  const parts = PART_NAMES.filter((name) => outcomes.has(name));
  const inPart = parts.map((name) => `${name} ${times(name)}`).join(', ');
  return [`\`${site}\``].concat(COLUMNS.map(times), inPart);
}

/** The first row is the head. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
}

function findingLines({ findings }: SweepResult): string[] {
  const lines = findings
    .slice(0, SHOWN)
    .flatMap(({ program, call, mode, nth, site, why, command }) => [
      '',
      `UNKNOWN: ${program}: ${call}`,
      `  allocation ${nth}, ${mode}: ${site}`,
      `  ${why}`,
      `  again: ${command}`,
    ]);
  const more = findings.length - SHOWN;
  return more > 0 ? [...lines, '', `${more} more; --json lists them all.`] : lines;
}
