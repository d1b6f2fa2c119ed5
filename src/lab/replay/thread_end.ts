/** How a thread ends: with a status, or by a signal. */
import type { Exited, Killed } from '../strace/record.ts';
import { symbolValue } from '../strace/symbols.ts';
import type { Program } from './program.ts';

export interface ThreadEnd {
  readonly status: number;
  readonly signal: number | null;
}

/** Of a thread whose end the log does not show. */
export const NO_END: ThreadEnd = { status: 0, signal: null };

export const endOf = (record: Exited | Killed): ThreadEnd =>
  record.kind === 'exited'
    ? { status: record.status, signal: null }
    : { status: 0, signal: Number(symbolValue(record.signal) ?? 0) };

export const howEnded = (record: Exited | Killed): string =>
  record.kind === 'exited' ? `exited with ${record.status}` : `killed by ${record.signal}`;

/** Ends what is left of a program as its last thread ended. */
export function endProgram({ threads }: Program, { status, signal }: ThreadEnd): void {
  for (const process of new Set(threads.values())) {
    if (signal !== null) process.kill(signal);
    process.exit(status);
  }
  threads.clear();
}
