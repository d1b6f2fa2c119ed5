/** A process that was made, where a refusal is no part of what is tested. */
import type { Errno, Process } from '../src/index.ts';

export function made(process: Process | Errno): Process {
  if (typeof process === 'number') throw new Error(`no process was made: ${process}`);
  return process;
}
