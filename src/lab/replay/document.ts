/** The result of `vmaspace replay` as one JSON document. */
import type { Finding } from './findings.ts';
import { mapsLineText } from './maps_text.ts';
import type { ExplainedPages, Program } from './program.ts';
import type { ReplayResult } from './replay.ts';

export const SCHEMA = 'vmaspace-replay/1';

export interface ReplaySummary {
  readonly calls: number;
  readonly agreed: number;
  readonly disagreed: number;
  readonly skipped: number;
  readonly processes: number;
  readonly processesCompared: number;
  readonly mapsAgreed: number;
  readonly vmaPeak: number;
  readonly seconds: number;
  readonly maxMapCount: number;
  readonly otherCalls: number;
  readonly findings: number;
  /** VMAs of which the kernel's Rss and Anonymous are compared: with recorded page faults only. */
  readonly vmasPresentCompared: number;
  readonly rssAgreed: number;
  readonly anonymousAgreed: number;
  /** VMAs in which a figure differs, and why is known; and is not. */
  readonly presentExplained: number;
  readonly presentUnexplained: number;
}

/** @returns the totals of one recording. */
export function summaryOf(result: ReplayResult): ReplaySummary {
  const { programs } = result;
  const compared = programs.filter(({ mapVerdict }) => mapVerdict !== 'not recorded');
  return {
    calls: sum(programs, ({ calls }) => calls),
    agreed: sum(programs, ({ agreed }) => agreed),
    disagreed: sum(programs, ({ disagreed }) => disagreed),
    skipped: sum(programs, ({ skipped }) => skipped),
    processes: programs.length,
    processesCompared: compared.length,
    mapsAgreed: compared.filter(({ mapVerdict }) => mapVerdict === 'agrees').length,
    vmaPeak: result.vmaPeak,
    seconds: Number(result.seconds.toFixed(6)),
    maxMapCount: result.maxMapCount,
    otherCalls: sum([...result.otherCalls.values()], (count) => count),
    findings: result.findingsTotal,
    ...presentOf(programs),
  };
}

function presentOf(programs: readonly Program[]) {
  const reasons = programs.flatMap(({ pageReasons }) => pageReasons);
  const presentUnexplained = reasons.filter(({ reason }) => reason === null).length;
  return {
    vmasPresentCompared: sum(programs, ({ pages }) => pages?.compared ?? 0),
    rssAgreed: sum(programs, ({ pages }) => pages?.rssAgreed ?? 0),
    anonymousAgreed: sum(programs, ({ pages }) => pages?.anonymousAgreed ?? 0),
    presentExplained: reasons.length - presentUnexplained,
    presentUnexplained,
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

/** Totals of several recordings; peaks and limits are the highest, all else is added. */
export function totalOf(summaries: readonly ReplaySummary[]): ReplaySummary {
  const [first, ...rest] = summaries;
  if (first === undefined) throw new TypeError('There is no recording to sum up.');
  return rest.reduce(added, first);
}

function added(a: ReplaySummary, b: ReplaySummary): ReplaySummary {
  return {
    calls: a.calls + b.calls,
    agreed: a.agreed + b.agreed,
    disagreed: a.disagreed + b.disagreed,
    skipped: a.skipped + b.skipped,
    processes: a.processes + b.processes,
    processesCompared: a.processesCompared + b.processesCompared,
    mapsAgreed: a.mapsAgreed + b.mapsAgreed,
    vmaPeak: Math.max(a.vmaPeak, b.vmaPeak),
    seconds: a.seconds + b.seconds,
    maxMapCount: Math.max(a.maxMapCount, b.maxMapCount),
    otherCalls: a.otherCalls + b.otherCalls,
    findings: a.findings + b.findings,
    vmasPresentCompared: a.vmasPresentCompared + b.vmasPresentCompared,
    rssAgreed: a.rssAgreed + b.rssAgreed,
    anonymousAgreed: a.anonymousAgreed + b.anonymousAgreed,
    presentExplained: a.presentExplained + b.presentExplained,
    presentUnexplained: a.presentUnexplained + b.presentUnexplained,
  };
}

/** Nothing disagreed, nothing was left out, and every line could be read. */
export const isOk = (result: ReplayResult): boolean => result.findingsTotal === 0;

/** @returns what `--json` prints. */
export function documentOf(results: readonly ReplayResult[]): object {
  const traces = results.map(traceOf);
  const [only] = traces;
  const whole = {
    schema: SCHEMA,
    ok: results.every(isOk),
    summary: totalOf(results.map(summaryOf)),
    findings: results.flatMap(({ findings }): readonly Finding[] => findings),
  };
  if (traces.length !== 1 || only === undefined) return { ...whole, traces };
  return {
    ...whole,
    trace: only.trace,
    processes: only.processes,
    notes: only.notes,
    otherCalls: only.otherCalls,
  };
}

function traceOf(result: ReplayResult) {
  return {
    trace: result.name,
    ok: isOk(result),
    summary: summaryOf(result),
    processes: result.programs.map(processOf),
    notes: result.notes,
    otherCalls: Object.fromEntries(result.otherCalls),
  };
}

/** Bytes. */
function differenceOf({ figures, reason }: ExplainedPages) {
  const { line, kernel, engine } = figures;
  return {
    vma: mapsLineText(line),
    rss: { kernel: kernel.rss, engine: engine.rss },
    anonymous: { kernel: kernel.anonymous, engine: engine.anonymous },
    reason,
  };
}

function processOf(program: Program) {
  const { pid, command, line, calls, agreed, disagreed, skipped, peak, vmasAtEnd, end } = program;
  const { mapVerdict, space } = program;
  return {
    pid,
    command,
    line,
    calls,
    agreed,
    disagreed,
    skipped,
    vmaPeak: peak,
    vmasAtEnd,
    end,
    endMaps: mapVerdict,
    start: space.origin,
    presentDifferences: program.pageReasons.map(differenceOf),
  };
}
