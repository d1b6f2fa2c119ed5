/** What the reader hands out: one record for each thing a log says. */

/** A number of the log: a plain number as far as it is exact (2^53), a bigint above. */
export type Word = number | bigint;

/** What the kernel answered. */
export type Result =
  /** `detail` is what strace adds in brackets (`flags FD_CLOEXEC`); `path` needs `-y`. */
  | {
      readonly kind: 'value';
      readonly value: Word;
      readonly path: string | null;
      readonly detail: string | null;
    }
  /** `code` is the negative errno, as inside the kernel. */
  | { readonly kind: 'error'; readonly errno: string; readonly code: number }
  /** `?`: the call did not return, or strace did not see it return. */
  | { readonly kind: 'unknown' }
  /** `? ERESTARTSYS`: interrupted; when the kernel makes it again, that is a new record. */
  | { readonly kind: 'restart'; readonly code: string };

/** Where and when a record begins. */
interface Placed {
  /** First line of the record, counted from 1. */
  readonly line: number;
  /** The thread; 0 is the traced program itself in a log that does not number it. */
  readonly tid: number;
  /** Seconds, exact to the microsecond; null when the log has no times. See clock.ts. */
  readonly time: number | null;
}

export interface Call extends Placed {
  readonly kind: 'call';
  /** Unknown numbers are already names: `syscall_0x1ce` is `mseal`. */
  readonly name: string;
  /** As printed, split at the commas that separate arguments. */
  readonly args: readonly string[];
  readonly result: Result;
  /** Seconds spent in the call, from `-T`; null without it. */
  readonly duration: number | null;
  readonly injected: boolean;
  readonly delayed: boolean;
  /** For a call that others overtook: where and when it came back. */
  readonly resumed: Resumed | null;
  /** The line that completes one cut by a message of strace itself, else null. */
  readonly continuedLine: number | null;
}

export interface Resumed {
  readonly line: number;
  readonly time: number | null;
  /** Differs from the caller only after an exec by a thread that was not the leader. */
  readonly tid: number;
}

export interface Signal extends Placed {
  readonly kind: 'signal';
  readonly signal: string;
  /** The siginfo as printed, for parseStruct(); empty when there is none. */
  readonly info: string;
}

export interface Stopped extends Placed {
  readonly kind: 'stopped';
  readonly signal: string;
}

export interface Exited extends Placed {
  readonly kind: 'exited';
  readonly status: number;
}

export interface Killed extends Placed {
  readonly kind: 'killed';
  readonly signal: string;
  readonly core: boolean;
}

/** The leader is gone: thread `by` has called execve, and goes on under this number. */
export interface Superseded extends Placed {
  readonly kind: 'superseded';
  readonly by: number;
}

export interface Attached extends Placed {
  readonly kind: 'attached' | 'detached';
}

/** Words of strace that are no event: warnings, stack frames. */
export interface Note extends Placed {
  readonly kind: 'note';
  readonly text: string;
}

export interface Malformed {
  readonly kind: 'malformed';
  readonly line: number;
  readonly reason: string;
  /** The beginning of the line. */
  readonly text: string;
}

/** Everything but calls. */
export type Event = Signal | Stopped | Exited | Killed | Superseded | Attached | Note;

export type StraceRecord = Call | Event | Malformed;

/** When a call was over: by its own duration, else by its second line, else null. */
export function callEnd(call: Call): number | null {
  if (call.time !== null && call.duration !== null) return call.time + call.duration;
  return call.resumed === null ? null : call.resumed.time;
}
