/** What was recorded, as one JSON document and as text. */
import type { RecordedProcess } from './census.ts';
import type { Recorded } from './recorder.ts';

export const SCHEMA = 'vmaspace-record/1';

export interface RecordSummary {
  readonly calls: number;
  readonly processes: number;
  readonly threads: number;
  readonly startMaps: number;
  readonly endMaps: number;
  readonly endSmaps: number;
  readonly faults: number;
  readonly faultsLost: number;
  readonly missed: number;
  readonly seconds: number;
}

/** @returns the totals. */
export function summaryOf({ census, snapshots, faults, seconds }: Recorded): RecordSummary {
  const all = [...census.processes.values()];
  const files = [...snapshots.files];
  const count = (end: string): number => files.filter((name) => name.endsWith(end)).length;
  return {
    calls: census.calls,
    processes: all.length,
    threads: all.reduce((sum, { threads }) => sum + threads, 0),
    startMaps: count('.start.maps'),
    endMaps: count('.end.maps'),
    endSmaps: count('.end.smaps'),
    faults: faults.count,
    faultsLost: faults.lost,
    missed: snapshots.missed.length,
    seconds: Number(seconds.toFixed(3)),
  };
}

/** What makes a recording useless to a replay; mostly nothing. */
export function findingsOf({ census }: Recorded): string[] {
  const { first } = census;
  if (first === undefined) return ['The log shows no call.'];
  if (first.end === null) return [`strace ended before ${first.command} did.`];
  const { malformed } = census;
  return malformed === 0 ? [] : [`${malformed} lines of the log are not strace output.`];
}

export function documentOf(recorded: Recorded, next: string) {
  const { directory, census, snapshots, faults, interrupted } = recorded;
  const findings = findingsOf(recorded).map((message) => ({ kind: 'incomplete', message }));
  return {
    schema: SCHEMA,
    ok: findings.length === 0,
    summary: summaryOf(recorded),
    findings,
    directory,
    next,
    interrupted,
    noFaults: faults.missing,
    processes: [...census.processes.values()].map((one) => ({
      pid: one.pid,
      command: one.command,
      end: one.end,
      startMaps: snapshots.files.has(`${one.pid}.start.maps`),
      endMaps: snapshots.files.has(`${one.pid}.end.maps`),
      noEndMaps: endGap(one, recorded),
    })),
  };
}

/** Why there are no end maps; null when there are. */
function endGap({ pid, end, hasExitGroup }: RecordedProcess, { snapshots }: Recorded) {
  if (snapshots.files.has(`${pid}.end.maps`)) return null;
  if (end === null) return 'was not seen to end';
  if (end.startsWith('killed')) return end;
  return hasExitGroup ? 'went on before they were read' : 'ended by exit() of its last thread';
}

/** @returns the report for people. */
export function recordText(recorded: Recorded, next: string): string {
  const summary = summaryOf(recorded);
  const { directory, census, interrupted } = recorded;
  const by = interrupted === null ? '' : `, after ${interrupted}`;
  const lines = [
    `${directory}  ${census.first?.command ?? 'nothing'} ${census.first?.end ?? 'did not end'}${by}`,
    '',
    `  ${amount(summary.calls, 'call')} of ${amount(summary.processes, 'process')}` +
      ` and ${amount(summary.threads, 'thread')} in ${summary.seconds.toFixed(2)} s`,
    `  maps: ${amount(summary.startMaps, 'start')}, ${amount(summary.endMaps, 'end')}`,
    faultText(recorded),
    ...gapLines(recorded),
    ...findingsOf(recorded).map((finding) => `  ${finding}`),
    '',
    'Next:',
    `  ${next}`,
  ];
  return `${lines.join('\n')}\n`;
}

function faultText({ faults }: Recorded): string {
  const { count, lost, missing } = faults;
  if (missing !== null) {
    return (
      `  no page faults: ${missing}. A replay then cannot know which pages were written, and ` +
      'takes all for written before a fork'
    );
  }
  const gap = lost === 0 ? '' : `; ${lost.toLocaleString('en-US')} more came too fast`;
  return `  ${amount(count, 'page fault')}${gap}`;
}

/** So many processes are named. */
const NAMED = 5;

function gapLines(recorded: Recorded): string[] {
  const reasons = new Map<string, number[]>();
  for (const one of recorded.census.processes.values()) {
    const reason = endGap(one, recorded);
    if (reason !== null) reasons.set(reason, [...(reasons.get(reason) ?? []), one.pid]);
  }
  const lines = [...reasons].map(([reason, pids]) => {
    const more = pids.length > NAMED ? ` and ${pids.length - NAMED} more` : '';
    return `  no end maps of ${pids.slice(0, NAMED).join(', ')}${more}: ${reason}`;
  });
  const { missed } = recorded.snapshots;
  const isLate = missed.length > 0;
  const late = `  ${amount(missed.length, 'window')} closed too soon; --window makes them longer`;
  return isLate ? [...lines, late] : lines;
}

function amount(count: number, noun: string): string {
  const plural = noun.endsWith('s') ? `${noun}es` : `${noun}s`;
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`;
}
