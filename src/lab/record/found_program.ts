/** Looks for programs as a shell does. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @returns the path of a program that can be run; null when there is none of that name. */
export function findProgram(name: string): string | null {
  if (name.includes('/')) return isProgram(name) ? name : null;
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  for (const directory of directories) {
    const path = join(directory === '' ? '.' : directory, name);
    if (isProgram(path)) return path;
  }
  return null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
