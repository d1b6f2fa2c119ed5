/** How commands end. */
import { RecordingError } from '../lab/replay/recording_files.ts';

export const ALL_AGREED = 0;
export const FOUND = 1;
export const WRONG_USE = 2;
export const CANNOT = 3;

export const EXIT_CODES = `Exit codes:
  0  all agreed, or nothing was found
  1  a disagreement or a bug was found
  2  wrong use: arguments, or files that cannot be read
  3  this machine cannot do it`;

/** Wrong use, told in one sentence. */
export class UsageError extends Error {}

export const isUsageError = (error: unknown): error is Error =>
  error instanceof UsageError || error instanceof RecordingError;

/** One sentence instead of a stack trace. @returns the exit code. */
export function reportUnexpected(error: unknown, args: readonly string[]): number {
  const what = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `vmaspace: ${what.replace(/\.?$/, '.')} This is a bug in vmaspace; to repeat it: vmaspace ${args.join(' ')}\n`,
  );
  if (process.env['VMASPACE_DEBUG'] === '1' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
  }
  return FOUND;
}

/** What commander asks to read the number of an option with. */
export function wholeNumber(option: string): (text: string) => number {
  return (text) => {
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new UsageError(`${option} takes a whole number, not "${text}".`);
  };
}
