import type { Cursor } from './cursor.ts';
import type { Attached, Event } from './record.ts';

/** Where a line of the log stands, and whose it is. */
export interface Place {
  readonly line: number;
  readonly tid: number;
  readonly time: number | null;
  readonly continuedLine: number | null;
}

const SIGNAL = /^--- (?:(SIG\w+)|stopped by (SIG\w+))(?: (.*))? ---$/s;

/** @returns the event of a line `--- SIGSEGV {si_signo=SIGSEGV, ...} ---`, or null. */
export function parseSignal(cursor: Cursor, place: Place): Event | null {
  const [, signal, stop, info] = SIGNAL.exec(cursor.rest()) ?? [];
  const { line, tid, time } = place;
  if (stop !== undefined) return { kind: 'stopped', line, tid, time, signal: stop };
  if (signal === undefined) return null;
  return { kind: 'signal', line, tid, time, signal, info: info ?? '' };
}

const EXITED = /^\+\+\+ exited with (\d+) \+\+\+$/;
const KILLED = /^\+\+\+ killed by (SIG\w+)( \(core dumped\))? \+\+\+$/;
const SUPERSEDED = /^\+\+\+ superseded by execve in pid (\d+)\S* \+\+\+$/;

/** @returns the event of a line `+++ exited with 0 +++`, or null. */
export function parseExit(cursor: Cursor, place: Place): Event | null {
  const words = cursor.rest();
  const { line, tid, time } = place;
  const status = EXITED.exec(words)?.[1];
  if (status !== undefined) return { kind: 'exited', line, tid, time, status: Number(status) };

  const killed = KILLED.exec(words);
  const signal = killed?.[1];
  if (signal !== undefined) {
    return { kind: 'killed', line, tid, time, signal, core: killed?.[2] !== undefined };
  }
  const by = SUPERSEDED.exec(words)?.[1];
  return by === undefined ? null : { kind: 'superseded', line, tid, time, by: Number(by) };
}

const ATTACHED = /(?:strace: )?Process (\d+) (attached|detached)(?: with \d+ threads)?$/;

/** @returns the message that ends the line, and where it begins; or null. */
export function findAttached(cursor: Cursor, line: number): [Attached, number] | null {
  const words = cursor.rest();
  const found = ATTACHED.exec(words);
  const tid = found?.[1];
  if (found === null || tid === undefined) return null;
  const kind = found[2] === 'attached' ? 'attached' : 'detached';
  return [{ kind, line, tid: Number(tid), time: null }, cursor.at + found.index];
}

const NOTE = /^(?:strace: |\[ Process PID=|> )/;

/** @returns what strace says of itself, and the frames of `-k`; or null. */
export function parseNote(cursor: Cursor, place: Place): Event | null {
  const text = cursor.rest();
  const { line, tid, time } = place;
  return NOTE.test(text) ? { kind: 'note', line, tid, time, text } : null;
}
