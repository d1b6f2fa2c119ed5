/** The directory that a recording is written to: a new one, or an empty one; nothing is replaced. */
import { mkdirSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { codeOf } from './found_program.ts';
import { CannotRecord, WrongRecord } from './cannot.ts';

/** So many recordings of one program in one place. */
const MOST = 10_000;

/** @returns the directory, made. */
export function makeDirectory(asked: string | undefined, command: string): string {
  return asked === undefined ? makeNext(directoryName(command)) : makeAsked(asked);
}

/** @returns `recording-NAME` for a program: what a shell needs no quotes for. */
export function directoryName(command: string): string {
  const name = basename(command).replaceAll(/[^\w.+-]+/gu, '_');
  return `recording-${name === '' ? 'program' : name}`;
}

function makeAsked(directory: string): string {
  try {
    makeUnlessThere(directory);
    if (readdirSync(directory).length === 0) return directory;
  } catch (error) {
    const code = codeOf(error);
    throw new WrongRecord(`${directory} cannot be made (${code}): give another one with -o.`);
  }
  throw new WrongRecord(`${directory} is not empty: give a new directory with -o.`);
}

/** Not with its parents: below /proc that never ends in Node 20. */
function makeUnlessThere(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function makeNext(name: string): string {
  for (let n = 1; n <= MOST; n++) {
    const directory = n === 1 ? name : `${name}-${n}`;
    try {
      mkdirSync(directory);
      return directory;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST') continue;
      throw new CannotRecord(`${directory} cannot be made here (${code}): give one with -o.`);
    }
  }
  throw new WrongRecord(`There are ${MOST} directories called ${name}: give a new one with -o.`);
}
