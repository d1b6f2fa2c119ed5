/** `vmaspace conform FILE...` */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { conform } from '../lab/conform/conform.ts';
import { type ConformFile, conformDocument, conformText } from '../lab/conform/report.ts';
import { parseVector, VectorError } from '../lab/conform/vector.ts';

const EXAMPLES = `
Example:
  vmaspace conform vectors/*.jsonl          every file, with a table by profile
  vmaspace conform --json vectors/*.jsonl   one JSON document
  vmaspace conform - < 0000-core.jsonl      from standard input

Exit code: 0 all agreed, 1 a disagreement, 2 a file that cannot be read or is no vector.
`;

export function conformCommand(): Command {
  return new Command('conform')
    .description("runs conformance vectors and compares every record with the kernel's")
    .argument('<file...>', 'vectors in JSON lines; "-" is standard input')
    .option('--json', 'print one JSON document')
    .addHelpText('after', EXAMPLES)
    .action((files: string[], { json }: { json?: boolean }) => {
      process.exitCode = runConform(files, json === true);
    });
}

/** @returns the exit code. */
function runConform(names: readonly string[], json: boolean): number {
  const started = performance.now();
  const files: ConformFile[] = [];
  for (const name of names) {
    const file = conformOne(name);
    if (typeof file === 'string') {
      process.stderr.write(`vmaspace conform: ${file}\n`);
      return 2;
    }
    files.push(file);
    showProgress(files.length, names.length);
  }
  const document = conformDocument(files, (performance.now() - started) / 1000);
  process.stdout.write(json ? `${JSON.stringify(document)}\n` : conformText(files, document));
  return document.ok ? 0 : 1;
}

/** @returns the result, or one sentence that says why there is none. */
function conformOne(name: string): ConformFile | string {
  let text: string;
  try {
    text = readFileSync(name === '-' ? 0 : name, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return `${name}: cannot be read (${reason}); give the path of a vector file.`;
  }
  try {
    const vector = parseVector(text);
    return { file: name, profile: vector.header.profile, result: conform(vector) };
  } catch (error) {
    if (error instanceof VectorError) return `${name}: ${error.message}.`;
    throw error;
  }
}

function showProgress(done: number, all: number): void {
  if (!process.stderr.isTTY || all < 20) return;
  process.stderr.write(`\r${done} of ${all} vectors${done === all ? '\n' : ''}`);
}
