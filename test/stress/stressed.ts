/** A stress run in a process of its own: one that hangs is ended. */
import { execFile } from 'node:child_process';
import { env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./stress.mjs', import.meta.url));
const LIMIT_MS = 100_000;

export const SEED = env['SEED'] ?? String(Date.now() % 1_000_000);

export interface Stressed {
  readonly ok: boolean;
  readonly summary: Readonly<Record<string, number>>;
  readonly findings: readonly unknown[];
}

/** @returns what it found. @throws Error with all it said, when it did not come to its end. */
export function stressed(
  options: readonly string[],
  node: readonly string[] = [],
): Promise<Stressed> {
  const args = [...node, PROGRAM, '--json', '--seed', SEED, ...options];
  return new Promise((resolve, reject) => {
    execFile(execPath, args, { timeout: LIMIT_MS, killSignal: 'SIGKILL' }, (_, text, said) => {
      if (text.startsWith('{')) resolve(JSON.parse(text) as Stressed);
      else reject(new Error(`node ${args.join(' ')} did not end by itself: ${said}`));
    });
  });
}
