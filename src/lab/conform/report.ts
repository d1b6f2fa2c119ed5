/** What `vmaspace conform` says: one document for machines, and text for people. */
import { isModelledKernel } from '../oracle/kernel_version.ts';
import type { ConformFinding, ConformResult } from './conform.ts';

/** A vector that was run: a whole file, or one scenario of a pack. */
export interface ConformRun {
  readonly file: string;
  readonly profile: string;
  /** Of the recording machine. */
  readonly kernel: string;
  /** Its name; null for a whole file. */
  readonly scenario: string | null;
  readonly result: ConformResult;
}

export interface ReportedFinding extends ConformFinding {
  readonly file: string;
  readonly scenario?: string;
  readonly repeat: string;
}

export interface ConformDocument {
  readonly schema: 'vmaspace-conform/1';
  /** Nothing disagreed: there are no findings. */
  readonly ok: boolean;
  readonly summary: Readonly<Record<string, number>>;
  readonly findings: readonly ReportedFinding[];
  /** What other kernels than 6.18 do otherwise: it is theirs, and no finding. */
  readonly otherKernel: readonly (ReportedFinding & { readonly recordedOn: string })[];
  /** What these numbers do not cover. */
  readonly notes: readonly string[];
}

/** Said in every report, because agreement is only about what was compared. */
const NOTES = [
  'Compared: every result, every VMA with its flags and its Anonymous and Locked sizes, the signal of every touch and the faults it took, what pages hold, what mincore says, and totals.',
];

type Count = 'records' | 'agreed' | 'disagreed' | 'skipped';

const sum = (runs: readonly ConformRun[], key: Count): number =>
  runs.reduce((total, { result }) => total + result[key], 0);

/** A recording that does not name its kernel is taken for one of ours. */
const isOurKernel = ({ kernel }: { readonly kernel: string }): boolean =>
  kernel === '' || isModelledKernel(kernel);

export function conformDocument(runs: readonly ConformRun[], seconds: number): ConformDocument {
  const ours = runs.filter(isOurKernel);
  const others = runs.filter((run) => !isOurKernel(run));
  const findings = ours.flatMap(findingsOf);
  return {
    schema: 'vmaspace-conform/1',
    ok: findings.length === 0,
    summary: {
      files: new Set(runs.map(({ file }) => file)).size,
      scenarios: runs.filter(({ scenario }) => scenario !== null).length,
      records: sum(runs, 'records'),
      agreed: sum(runs, 'agreed'),
      disagreed: sum(ours, 'disagreed'),
      skipped: sum(runs, 'skipped'),
      otherKernel: sum(others, 'disagreed'),
      seconds,
    },
    findings,
    otherKernel: others.flatMap((run) =>
      findingsOf(run).map((finding) => Object.assign({ recordedOn: run.kernel }, finding)),
    ),
    notes: [...NOTES, ...notesOf(others), ...skippedNotes(runs)],
  };
}

function skippedNotes(runs: readonly ConformRun[]): string[] {
  const of = runs.filter(({ result }) => result.skipped > 0);
  const files = of.map(({ file, scenario }) => (scenario === null ? file : `${file}: ${scenario}`));
  if (of.length === 0) return [];
  return [
    `${sum(of, 'skipped')} records were skipped, behind calls that are not modelled: ${files.join(', ')}.`,
  ];
}

function notesOf(others: readonly ConformRun[]): string[] {
  return [...new Set(others.map(({ kernel }) => kernel))].map((kernel) => {
    const of = others.filter((run) => run.kernel === kernel);
    const [differ, records] = [sum(of, 'disagreed'), sum(of, 'records')];
    return `${differ} of ${records} records of Linux ${kernel} differ; the engine is Linux 6.18, so that they are differences of that kernel and no findings.`;
  });
}

function findingsOf({ file, scenario, result }: ConformRun): ReportedFinding[] {
  const only = scenario === null ? {} : { scenario };
  const repeat = `vmaspace conform ${file}${scenario === null ? '' : ` --only ${scenario}`}`;
  return result.findings.map((finding) => Object.assign({ file, ...only, repeat }, finding));
}

/** Paints text, or leaves it as it is. */
export type ConformPaint = (
  style: 'red' | 'green' | 'yellow' | 'bold' | 'dim',
  text: string,
) => string;

/** How many disagreements are shown in full; the rest are counted. */
const SHOWN = 3;

export function conformText(
  runs: readonly ConformRun[],
  document: ConformDocument,
  paint: ConformPaint,
): string {
  const lines = [...profileTable(runs), '', totalsLine(document, paint)];
  const disagreements = document.findings;
  for (const finding of disagreements.slice(0, SHOWN))
    lines.push('', ...findingLines(finding, paint));
  if (disagreements.length > SHOWN) {
    lines.push('', `${disagreements.length - SHOWN} more disagreements; --json lists them all.`);
  }
  lines.push(...otherKernelLines(document, paint));
  lines.push('', ...document.notes.map((note) => paint('dim', note)));
  return `${lines.join('\n')}\n`;
}

function otherKernelLines({ otherKernel }: ConformDocument, paint: ConformPaint): string[] {
  if (otherKernel.length === 0) return [];
  const shown = otherKernel.slice(0, SHOWN).flatMap((one) => findingLines(one, paint));
  return ['', paint('yellow', 'Other kernels do otherwise:'), '', ...shown];
}

function profileTable(runs: readonly ConformRun[]): string[] {
  const profiles = new Map<string, { runs: number; counts: number[] }>();
  for (const { profile, result } of runs) {
    const row = profiles.get(profile) ?? { runs: 0, counts: [0, 0, 0] };
    const { records, agreed, disagreed } = result;
    row.runs += 1;
    row.counts = [records, agreed, disagreed].map((n, i) => n + (row.counts[i] ?? 0));
    profiles.set(profile, row);
  }
  const rows = [...profiles].map(([name, row]) => [name, row.runs].concat(row.counts));
  return [['profile', 'runs', 'records', 'agreed', 'disagreed'], ...rows].map(tableRow);
}

const tableRow = ([name, ...numbers]: (string | number)[]): string =>
  `${String(name).padEnd(12)}${numbers.map((n) => String(n).padStart(10)).join('')}`;

function totalsLine({ summary }: ConformDocument, paint: ConformPaint): string {
  const { agreed = 0, records = 0, disagreed = 0, otherKernel = 0 } = summary;
  const differ = otherKernel === 0 ? '' : `, ${otherKernel} differ on other kernels`;
  const text = `${agreed} of ${records} records agree with the kernel, ${disagreed} disagree${differ}.`;
  if (disagreed > 0) return paint('red', text);
  return paint('green', text);
}

function findingLines(finding: ReportedFinding, paint: ConformPaint): string[] {
  const scenario = finding.scenario === undefined ? '' : `${finding.scenario}: `;
  return [
    paint('bold', `${finding.file}:${finding.line}: ${scenario}${finding.op}`),
    ...(finding.kind === 'vmas'
      ? vmaDifference(finding)
      : [`  the kernel: ${finding.kernel}`, `  the engine: ${finding.engine}`]),
    `  repeat: ${finding.repeat}`,
  ];
}

/** Only the mappings that one side has and the other has not. */
function vmaDifference({ kernel, engine }: ConformFinding): string[] {
  const theirs = kernel.split('\n');
  const ours = engine.split('\n');
  const missing = theirs.filter((line) => !ours.some((other) => isAlike(other, line)));
  const extra = ours.filter((line) => !theirs.some((other) => isAlike(other, line)));
  return [
    ...missing.map((line) => `  only the kernel has  ${line}`),
    ...extra.map((line) => `  only the engine has  ${line}`),
  ];
}

/** The same mapping, though its backing is named otherwise on the other side. */
const isAlike = (a: string, b: string): boolean =>
  a === b || withoutBacking(a) === withoutBacking(b);

const withoutBacking = (line: string): string => line.slice(0, line.lastIndexOf(' '));
