/** `vmaspace conform`: runs vectors and packs and compares every record with the kernel's. */
import { Command } from 'commander';
import { conform } from '../lab/conform/conform.ts';
import { type ConformRun, conformDocument, conformText } from '../lab/conform/report.ts';
import { parseJson, parseVector, type Vector, VectorError } from '../lab/conform/vector.ts';
import { parseScenarios } from '../lab/pack/scenarios.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError } from './exit.ts';
import { readNamed } from './named_file.ts';
import { paint } from './paint.ts';

const EXAMPLES = `
Examples:
  vmaspace conform vectors/*.jsonl          every file, with a table by profile
  vmaspace conform conformance/*.jsonl      the scenarios of the conformance pack
  vmaspace conform --only mmap/hint conformance/*.jsonl    those whose name contains the text
  vmaspace conform --json vectors/*.jsonl   one JSON document
  vmaspace conform - < 0000-core.jsonl      from standard input
`;

interface Options {
  readonly json?: boolean;
  readonly only?: string;
}

/** One vector to run. */
interface Job {
  readonly vector: Vector;
  readonly scenario: string | null;
}

export function conformCommand(): Command {
  return new Command('conform')
    .description("runs vectors and packs of scenarios and compares every record with the kernel's")
    .argument('<file...>', 'vectors or packs in JSON lines; "-" is standard input')
    .option('--only <text>', 'run the scenarios whose name contains this, and nothing else')
    .option('--json', 'print one JSON document')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run);
}

function run(names: readonly string[], { json, only }: Options): void {
  const started = performance.now();
  const runs = names.flatMap((name, i) => {
    const ofFile = conformFile(name, only);
    showProgress(i + 1, names.length);
    return ofFile;
  });
  if (only !== undefined && runs.length === 0) {
    throw new UsageError(`no scenario of these files has "${only}" in its name.`);
  }
  const document = conformDocument(runs, (performance.now() - started) / 1000);
  const text = json === true ? `${JSON.stringify(document)}\n` : conformText(runs, document, paint);
  process.stdout.write(text);
  process.exitCode = document.ok ? ALL_AGREED : FOUND;
}

function conformFile(name: string, only: string | undefined): ConformRun[] {
  const text = readNamed(name, 'a vector or a pack');
  try {
    return jobsOf(text)
      .filter(({ scenario }) => only === undefined || scenario?.includes(only) === true)
      .map(({ vector, scenario }) => {
        const { profile, kernel } = vector.header;
        return { file: name, profile, kernel, scenario, result: conform(vector) };
      });
  } catch (error) {
    if (error instanceof VectorError) throw new UsageError(`${name}: ${error.message}.`);
    throw error;
  }
}

/** The kind that the first line names decides what the file is. */
function jobsOf(text: string): Job[] {
  const [first = ''] = text.split('\n', 1);
  const kind = first === '' ? 'header' : parseJson(first, 1)['kind'];
  if (kind === 'header') return [{ vector: parseVector(text), scenario: null }];
  if (kind === 'scenarios') {
    return parseScenarios(text).map(({ name, vector }) => ({ scenario: name, vector }));
  }
  throw new VectorError(
    'line 1: the "kind" is neither "header", a vector, nor "scenarios", a pack',
  );
}

function showProgress(done: number, all: number): void {
  if (!process.stderr.isTTY || all < 20) return;
  process.stderr.write(`\r${done} of ${all} files${done === all ? '\n' : ''}`);
}
