/** `vmaspace conform`: runs conformance vectors and compares every record with the kernel's. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { conform } from '../lab/conform/conform.ts';
import { type ConformFile, conformDocument, conformText } from '../lab/conform/report.ts';
import { parseVector, VectorError } from '../lab/conform/vector.ts';
import { codeOf } from '../lab/replay/recording_files.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError } from './exit.ts';
import { paint } from './paint.ts';

const EXAMPLES = `
Examples:
  vmaspace conform vectors/*.jsonl          every file, with a table by profile
  vmaspace conform --json vectors/*.jsonl   one JSON document
  vmaspace conform - < 0000-core.jsonl      from standard input
`;

export function conformCommand(): Command {
  return new Command('conform')
    .description("runs conformance vectors and compares every record with the kernel's")
    .argument('<file...>', 'vectors in JSON lines; "-" is standard input')
    .option('--json', 'print one JSON document')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run);
}

function run(names: readonly string[], { json }: { json?: boolean }): void {
  const started = performance.now();
  const files = names.map((name, i) => {
    const file = conformOne(name);
    showProgress(i + 1, names.length);
    return file;
  });
  const document = conformDocument(files, (performance.now() - started) / 1000);
  const text =
    json === true ? `${JSON.stringify(document)}\n` : conformText(files, document, paint);
  process.stdout.write(text);
  process.exitCode = document.ok ? ALL_AGREED : FOUND;
}

function conformOne(name: string): ConformFile {
  const text = readVector(name);
  try {
    const vector = parseVector(text);
    return { file: name, profile: vector.header.profile, result: conform(vector) };
  } catch (error) {
    if (error instanceof VectorError) throw new UsageError(`${name}: ${error.message}.`);
    throw error;
  }
}

function readVector(name: string): string {
  try {
    return readFileSync(name === '-' ? 0 : name, 'utf8');
  } catch (error) {
    throw new UsageError(`${name} cannot be read (${codeOf(error)}): give a vector file.`);
  }
}

function showProgress(done: number, all: number): void {
  if (!process.stderr.isTTY || all < 20) return;
  process.stderr.write(`\r${done} of ${all} vectors${done === all ? '\n' : ''}`);
}
