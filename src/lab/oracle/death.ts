/** Why a process of ours no longer answers. */
import { readFileSync } from 'node:fs';
import { OracleError } from './oracle_error.ts';

const SIGKILL = 9;
const LOOK_TRIES = 4000;
/** Of the fields of /proc/PID/stat behind the program's name: state, and a zombie's wait status. */
const STATE = 1;
const EXIT_CODE = 50;

export interface Silence {
  /** The process, whichever of its threads was asked. */
  readonly pid: number;
  /** Seconds since it was asked. */
  readonly waited: number;
  /** Seconds after which it is killed for not having answered. */
  readonly patience: number;
}

/** What to say of a process whose pipe has come to its end. */
export function deathOf({ pid, waited, patience }: Silence): OracleError {
  if (waited >= patience) {
    const sentence = `process ${pid} hung in a call and was killed after ${patience} seconds.`;
    return new OracleError('hung', sentence);
  }
  const signal = fatalSignal(pid);
  if (signal === SIGKILL) {
    const sentence = `process ${pid} was killed by signal 9 from outside, or for want of memory.`;
    return new OracleError('killed', sentence);
  }
  const how = signal === undefined ? 'it ended' : `signal ${signal}`;
  return new OracleError('killed', `the stub died: a request destroyed what it runs on (${how}).`);
}

/** @returns what ended it, if it is a zombie and was ended by a signal. */
function fatalSignal(pid: number): number | undefined {
  for (let i = 0; i < LOOK_TRIES; i++) {
    const fields = statFields(pid);
    if (fields === undefined) return undefined;
    const signal = Number(fields[EXIT_CODE]) & 0x7f;
    if (fields[STATE] === 'Z') return signal === 0 ? undefined : signal;
  }
  return undefined;
}

/** True when a process or thread has ended, whether or not its parent knows. */
export function isGone(pid: number): boolean {
  const fields = statFields(pid);
  return fields === undefined || fields[STATE] === 'Z';
}

function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')')).split(' ');
  } catch {
    return undefined;
  }
}
