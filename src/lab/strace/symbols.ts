import { FILE_SYMBOLS } from './symbols_file.ts';
import { MEMORY_SYMBOLS } from './symbols_memory.ts';
import { PROCESS_SYMBOLS } from './symbols_process.ts';
import type { Word } from './record.ts';

/** Every name strace may print for a number in the arguments of the calls decoded here. */
const SYMBOLS = new Map<string, Word>(
  [MEMORY_SYMBOLS, PROCESS_SYMBOLS, FILE_SYMBOLS].flatMap((table) => Object.entries(table)),
);

/** @returns the value of a constant of x86-64 Linux, or null for a name that is none. */
export function symbolValue(name: string): Word | null {
  return SYMBOLS.get(name) ?? null;
}
