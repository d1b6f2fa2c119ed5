/** How strace is called: which calls it writes down, and where it holds programs up. */
import { MEMORY_CALLS } from '../strace/decode.ts';

/** For how long, in milliseconds, a program is held up so that its maps can be read. */
export interface Windows {
  /** After each exec. */
  readonly start: number;
  /** At exit_group(). */
  readonly end: number;
}

/** Of --window: a start needs its maps only, an end smaps too. */
const START_SHARE = 0.3;

export const windowsOf = (milliseconds: number): Windows => ({
  start: Math.ceil(milliseconds * START_SHARE),
  end: milliseconds,
});

/** `-s`: as long as names and paths are that a replay reads. */
const FLAGS = '-f --seccomp-bpf -ttt -T -y -s 4096'.split(' ');

/**
 * Every call that the replay reads; calls without a name, too new for this strace, are always
 * written. `--seccomp-bpf` makes all other calls run at full speed.
 *
 * The exec that strace makes itself cannot be held up, so the first program is held up at its first
 * brk(), which the loader makes before any mapping of its own.
 */
export function straceArguments(log: string, { start, end }: Windows): string[] {
  // "?": an older strace does not know them all.
  const calls = [...MEMORY_CALLS].map((name) => `?${name}`).join(',');
  const filters = [
    `trace=${calls}`,
    `inject=execve,execveat:delay_exit=${start}ms`,
    `inject=brk:delay_exit=${start}ms:when=1`,
    `inject=exit_group:delay_enter=${end}ms`,
  ];
  return [...FLAGS, '-o', log, ...filters.flatMap((filter) => ['-e', filter])];
}
