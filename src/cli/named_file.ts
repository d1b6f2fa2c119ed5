import { readFileSync } from 'node:fs';
import { codeOf } from '../lab/replay/recording_files.ts';
import { UsageError } from './exit.ts';

/**
 * Reads a file that a person named; "-" is standard input.
 *
 * @throws UsageError that asks for what it should have been.
 */
export function readNamed(name: string, wanted: string): string {
  try {
    return readFileSync(name === '-' ? 0 : name, 'utf8');
  } catch (error) {
    throw new UsageError(`${name} cannot be read (${codeOf(error)}): give ${wanted}.`);
  }
}
