import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { beginning, type Beginning, buildFile } from './build.ts';
import { PackError } from './place.ts';

/**
 * Builds the conformance pack on the live kernel:
 *
 *   node build_main.js conformance/source/*.txt           writes conformance/TOPIC.jsonl for each
 *   node build_main.js --check conformance/source/*.txt   compares with what is there
 *
 * Exits with 1 where the kernel does not do what a source says, or, checking, where a file is not
 * what would be written; with 2 for a source that cannot be compiled; with 3 without a kernel.
 */
const MISTAKEN = 1;
const WRONG_USE = 2;
const NO_KERNEL = 3;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { check: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new PackError('name the sources, conformance/source/*.txt');
  const from = beginning();
  let code = 0;
  for (const path of positionals) {
    if (!build(path, from, values.check)) code = MISTAKEN;
    await setImmediate(); // lets Node bury the processes of the last file
  }
  return code;
}

/** @returns whether the kernel did what the source says, and the file is as it should be. */
function build(path: string, from: Beginning, isCheck: boolean): boolean {
  const topic = basename(path, '.txt');
  const { lines, mistakes } = buildFile(readText(path), { file: path, topic, from });
  for (const mistake of mistakes) process.stderr.write(`${mistake}\n`);
  if (mistakes.length > 0) return false;
  const out = join(dirname(path), '..', `${topic}.jsonl`);
  if (isCheck) return isUnchanged(out, lines);
  writeFileSync(out, `${lines.join('\n')}\n`);
  process.stdout.write(`${out}: ${lines.length - 1} scenarios\n`);
  return true;
}

function isUnchanged(out: string, lines: readonly string[]): boolean {
  const there = readText(out).split('\n');
  const at = [...lines, ''].findIndex((line, i) => line !== there[i]);
  if (at === -1 && there.length === lines.length + 1) return true;
  const line = at === -1 ? lines.length + 2 : at + 1;
  process.stderr.write(`${out}:${line}: this is not what the source gives now: build it again.\n`);
  return false;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason';
    throw new PackError(`${path} cannot be read (${code}).`);
  }
}

function codeFor(error: unknown, message: string): number {
  if (message.includes('this machine cannot do it')) return NO_KERNEL;
  return error instanceof PackError ? WRONG_USE : MISTAKEN;
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = codeFor(error, message);
}
