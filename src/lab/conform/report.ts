/** What `vmaspace conform` says: one document for machines, and text for people. */
import type { ConformFinding, ConformResult } from './conform.ts';

export interface ConformFile {
  readonly file: string;
  readonly profile: string;
  readonly result: ConformResult;
}

export interface ConformDocument {
  readonly schema: 'vmaspace-conform/1';
  /** Nothing disagreed: there are no findings. */
  readonly ok: boolean;
  readonly summary: Readonly<Record<string, number>>;
  readonly findings: readonly (ConformFinding & { file: string; repeat: string })[];
  /** What these numbers do not cover. */
  readonly notes: readonly string[];
}

/** Said in every report, because agreement is only about what was compared. */
const NOTES = [
  'Compared: every result, every VMA with its flags and its Anonymous and Locked sizes, the signal of every touch, what pages hold, what mincore says, and totals.',
];

export function conformDocument(files: readonly ConformFile[], seconds: number): ConformDocument {
  const sum = (key: 'records' | 'agreed' | 'disagreed'): number =>
    files.reduce((total, { result }) => total + result[key], 0);
  const findings = files.flatMap(findingsOf);
  return {
    schema: 'vmaspace-conform/1',
    ok: findings.length === 0,
    summary: {
      files: files.length,
      records: sum('records'),
      agreed: sum('agreed'),
      disagreed: sum('disagreed'),
      seconds,
    },
    findings,
    notes: NOTES,
  };
}

function findingsOf({ file, result }: ConformFile): ConformDocument['findings'] {
  const repeat = `vmaspace conform ${file}`;
  return result.findings.map((finding) => Object.assign({ file, repeat }, finding));
}

/** Paints text, or leaves it as it is. */
export type ConformPaint = (
  style: 'red' | 'green' | 'yellow' | 'bold' | 'dim',
  text: string,
) => string;

/** How many disagreements are shown in full; the rest are counted. */
const SHOWN = 3;

export function conformText(
  files: readonly ConformFile[],
  document: ConformDocument,
  paint: ConformPaint,
): string {
  const lines = [...profileTable(files), '', totalsLine(document, paint)];
  const disagreements = document.findings;
  for (const finding of disagreements.slice(0, SHOWN))
    lines.push('', ...findingLines(finding, paint));
  if (disagreements.length > SHOWN) {
    lines.push('', `${disagreements.length - SHOWN} more disagreements; --json lists them all.`);
  }
  lines.push('', ...NOTES.map((note) => paint('dim', note)));
  return `${lines.join('\n')}\n`;
}

function profileTable(files: readonly ConformFile[]): string[] {
  const profiles = new Map<string, { files: number; counts: number[] }>();
  for (const { profile, result } of files) {
    const row = profiles.get(profile) ?? { files: 0, counts: [0, 0, 0] };
    const { records, agreed, disagreed } = result;
    row.files += 1;
    row.counts = [records, agreed, disagreed].map((n, i) => n + (row.counts[i] ?? 0));
    profiles.set(profile, row);
  }
  const rows = [...profiles].map(([name, row]) => [name, row.files].concat(row.counts));
  return [['profile', 'files', 'records', 'agreed', 'disagreed'], ...rows].map(tableRow);
}

const tableRow = ([name, ...numbers]: (string | number)[]): string =>
  `${String(name).padEnd(12)}${numbers.map((n) => String(n).padStart(10)).join('')}`;

function totalsLine({ summary }: ConformDocument, paint: ConformPaint): string {
  const { agreed = 0, records = 0, disagreed = 0 } = summary;
  const text = `${agreed} of ${records} records agree with the kernel, ${disagreed} disagree.`;
  if (disagreed > 0) return paint('red', text);
  return paint('green', text);
}

function findingLines(finding: ConformDocument['findings'][number], paint: ConformPaint): string[] {
  return [
    paint('bold', `${finding.file}:${finding.line}: ${finding.op}`),
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
