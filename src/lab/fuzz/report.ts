/** What `vmaspace fuzz` says to people. */
import { CHANGE_NAMES, LIMIT_NAMES, REFUSAL_NAMES } from '../../index.ts';
import type { ConformPaint } from '../conform/report.ts';
import type { Again } from './again.ts';
import type { FuzzDocument } from './document.ts';
import type { Finding } from './finding.ts';

/** How much of the table of what was reached is shown. */
export type Detail = 'kinds' | 'all';

export function fuzzText(document: FuzzDocument, detail: Detail, paint: ConformPaint): string {
  const lines = [
    totals(document, paint),
    '',
    ...(detail === 'all' ? everything(document.reached) : kinds(document.reached)),
    ...unreached(document.reached),
  ];
  return `${lines.join('\n')}\n`;
}

function totals({ summary, kernel, complete, plan }: FuzzDocument, paint: ConformPaint): string {
  const { runs = 0, calls = 0, disagreed = 0, otherKernel = 0, lost = 0, seconds = 0 } = summary;
  const stopped = complete ? '' : ` (stopped: ${count(plan.runs)} were planned)`;
  const what = `${count(runs)} programs${stopped}, ${count(calls)} calls beside Linux ${kernel}`;
  const rate = count(Math.round(calls / Math.max(seconds, 0.001)));
  const time = `${seconds.toFixed(1)} s, ${rate} calls/s`;
  if (lost > 0) {
    const many = `${programsThat('disagree', disagreed)}, ${count(lost)} lost their process`;
    return paint('red', `${what}: ${many}. ${time}`);
  }
  if (disagreed > 0)
    return paint('red', `${what}: ${programsThat('disagree', disagreed)}. ${time}`);
  if (otherKernel > 0) {
    const many = `${programsThat('differ', otherKernel)}, which is not held against the engine`;
    return paint('yellow', `${what}: ${many}: it models 6.18. ${time}`);
  }
  return paint('green', `${what}: all agree. ${time}`);
}

const programsThat = (verb: string, n: number): string =>
  n === 1 ? `1 program ${verb}s` : `${count(n)} programs ${verb}`;

const count = (n: number): string => n.toLocaleString('en-US');

type Reached = FuzzDocument['reached'];

const kindOf = (feature: string): string => feature.slice(0, feature.indexOf(': '));
const restOf = (feature: string): string => feature.slice(feature.indexOf(': ') + 2);

function byKind(reached: Reached): Map<string, [string, number][]> {
  const groups = new Map<string, [string, number][]>();
  for (const entry of Object.entries(reached)) {
    const kind = kindOf(entry[0]);
    groups.set(kind, [...(groups.get(kind) ?? []), entry]);
  }
  return groups;
}

/** Each kind of feature: how many, and the one reached least often. */
function kinds(reached: Reached): string[] {
  const rows = [...byKind(reached)].map(([kind, features]) => {
    const [name, programs] = features.reduce((one, two) => (two[1] < one[1] ? two : one));
    return `${kind.padEnd(8)}${count(features.length).padStart(10)}  ${restOf(name)} (${programs})`;
  });
  return [`reached   features  rarest (times)`, ...rows, ''];
}

function everything(reached: Reached): string[] {
  return [...byKind(reached)].flatMap(([kind, features]) => {
    const rows = features.map(([name, n]) => `  ${count(n).padStart(9)}  ${restOf(name)}`);
    return [`${kind}: ${count(features.length)}`].concat(rows, '');
  });
}

/** What the engine can say and did not: some of it no program can reach. */
function unreached(reached: Reached): string[] {
  const features = Object.keys(reached);
  const never = (kind: string, names: readonly string[]): string[] =>
    names.filter((name) => !features.some((one) => kindOf(one) === kind && one.endsWith(name)));
  const rows = {
    merges: never('merge', CHANGE_NAMES),
    refusals: never('refused', REFUSAL_NAMES),
    limits: never('limit', LIMIT_NAMES.slice(1)),
  };
  return Object.entries(rows)
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `not reached: ${kind}: ${names.join('; ')}`);
}

/** A disagreement, where its vector is, and how to see it again. */
export function findingText(finding: Finding, path: string, paint: ConformPaint): string {
  const { program, kernel, engine, isStable } = finding;
  const shown = isStable ? program : program.slice(-SHOWN);
  const lines = [
    paint('red', headOf(finding)),
    ...shown.map((step) => `  ${step}`),
    ...(finding.kind === 'lost' ? [] : differing(kernel, engine)),
    `  vector: ${path}`,
    `  again:  vmaspace fuzz again ${path}`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function headOf({ kind, op, isStable, kernel }: Finding): string {
  if (kind === 'lost') return `the process of the kernel was lost: ${op}: ${kernel}`;
  const unstable = isStable ? '' : ', which did not happen again with the same program';
  return `disagreement (${kind})${unstable}: ${op}`;
}

/** Of a program that could not be made small: its end. */
const SHOWN = 5;

function differing(kernel: string, engine: string): string[] {
  const [theirs, ours] = [kernel.split('\n'), engine.split('\n')];
  return [
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `  the kernel: ${line}`),
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `  the engine: ${line}`),
  ];
}

/** A recorded program once more. */
export function againText(name: string, again: Again, paint: ConformPaint): string {
  const { operations, leftOut, isAsRecorded, finding, isOurKernel } = again;
  const ran = `${name}: ${count(operations)} operations`;
  const skipped = leftOut === 0 ? '' : `, ${count(leftOut)} left out, which are not safe to run`;
  const kernel = isAsRecorded ? 'as recorded' : 'not as recorded';
  if (finding === undefined) {
    return `${paint('green', `${ran}${skipped}: kernel and engine agree`)} (${kernel})\n`;
  }
  const lines = [
    isOurKernel
      ? paint('red', `${ran}${skipped}: they disagree at line ${finding.line}`)
      : paint('yellow', `${ran}${skipped}: this kernel differs from 6.18 at line ${finding.line}`),
    `  ${finding.op}`,
    ...differing(finding.kernel, finding.engine),
  ];
  return `${lines.join('\n')}\n`;
}
