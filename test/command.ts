/** Commands of the command line, run within a test. */
import { vi } from 'vitest';
import type { sweepCommand } from '../src/cli/sweep.ts';

type Command = ReturnType<typeof sweepCommand>;

export interface Ran {
  readonly text: string;
  readonly code: number | string | undefined;
}

/** @returns what a command prints, and its exit code. Restore the mocks after each test. */
export async function runCommand(command: Command, args: readonly string[]): Promise<Ran> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await command.exitOverride().parseAsync(args, { from: 'user' });
  const code = process.exitCode;
  process.exitCode = undefined;
  return { text, code };
}
