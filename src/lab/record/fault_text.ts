/** Turns what perf prints of page faults into lines of `faults.txt`. */

/** Two clocks at one moment. */
export interface ClockPair {
  /** Microseconds since the epoch. */
  readonly epoch: number;
  /** Nanoseconds of the clock that perf used. */
  readonly monotonic: number;
}

const REFERENCE =
  /^# reference time: .* = (\d+)\.(\d{6}) \(TOD\) = (\d+)\.(\d{9}) \(monotonic\)$/mu;
const SAMPLE =
  /^\s*(\d+)\s+(\d+)\.(\d{9}):\s+address=(0x[0-9a-f]+) ip=\S+ error_code=(0x[0-9a-f]+)$/u;

/** @returns null when the header of perf's file does not have it. */
export function parseClocks(header: string): ClockPair | null {
  const [, seconds, micros, monoSeconds, monoNanos] = REFERENCE.exec(header) ?? [];
  if (seconds === undefined) return null;
  return {
    epoch: Number(seconds) * 1e6 + Number(micros),
    monotonic: Number(monoSeconds) * 1e9 + Number(monoNanos),
  };
}

/**
 * Both clocks are slewed alike, so their distance stays what it is while a program runs.
 *
 * @returns `TID EPOCH_SECONDS ADDRESS ERROR_CODE`; null for what is no fault of a program.
 */
export function faultLine(line: string, { epoch, monotonic }: ClockPair): string | null {
  const [, tid, seconds, nanos, address, code] = SAMPLE.exec(line) ?? [];
  if (tid === undefined || address === undefined) return null;
  const since = Number(seconds) * 1e9 + Number(nanos) - monotonic;
  const micros = epoch + Math.floor(since / 1000);
  const fraction = String(micros % 1e6).padStart(6, '0');
  return `${tid} ${Math.floor(micros / 1e6)}.${fraction} ${address} ${code}`;
}

/** @returns the thread of a line that faultLine() made. */
export const faultTid = (line: string): number => Number(line.slice(0, line.indexOf(' ')));

/** @returns how many faults a line of perf says are missing there. */
export const lostIn = (line: string): number =>
  Number(/PERF_RECORD_LOST lost (\d+)/u.exec(line)?.[1] ?? 0);

/** What says more than what perf says first. */
const TELLING = /permission|access|denied|no such|not found/iu;

/** @returns what perf complains of, as one sentence without its dot. */
export function complaintOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim().replace(/^(?:Error|Warning):\s*/iu, ''));
  const said = lines.filter((line) => line !== '');
  const chosen = said.findLast((line) => TELLING.test(line) && !line.startsWith('Hint')) ?? said[0];
  return (chosen ?? 'it said nothing').replace(/[.!]$/u, '');
}
