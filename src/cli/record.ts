/** `vmaspace record`: records a program under strace, with the kernel's own maps and page faults. */
import { Command } from 'commander';
import { CannotRecord, WrongRecord } from '../lab/record/cannot.ts';
import type { LogWatch } from '../lab/record/log_watch.ts';
import { record } from '../lab/record/recorder.ts';
import { documentOf, recordText } from '../lab/record/report.ts';
import { ALL_AGREED, CannotError, EXIT_CODES, FOUND, UsageError, wholeNumber } from './exit.ts';
import { callsPerSecond, ProgressLine } from './progress.ts';

interface Options {
  readonly output?: string;
  readonly json?: boolean;
  readonly faults: boolean;
  readonly aslr: boolean;
  readonly window: number;
}

const EXAMPLES = `
Examples:
  vmaspace record -- python3 -c 'import json'  into recording-python3
  vmaspace record -o build -- make -j2         with all the processes that it makes
  vmaspace replay build

Needs strace. Page faults need perf and root. The program keeps its standard input and outputs; what
it ends with is told, and changes no exit code.
`;

/** Milliseconds that a program is held up at its end. */
const WINDOW = 100;

export function recordCommand(): Command {
  return new Command('record')
    .description("records a program with strace, and the kernel's own maps at start and end")
    .argument('<command...>', 'the program and its arguments, after --')
    .option('-o, --output <directory>', 'a new directory; without it recording-NAME')
    .option('--json', 'print one JSON document')
    .option('--no-faults', 'without page faults')
    .option('--no-aslr', 'without address space layout randomisation')
    .option(
      '--window <ms>',
      'how long a program is held up at its end; 30 % of it after an exec',
      wholeNumber('--window'),
      WINDOW,
    )
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run);
}

async function run(command: readonly string[], options: Options): Promise<void> {
  const { output: directory, window, faults, aslr } = options;
  if (window === 0) throw new UsageError('--window takes a number of milliseconds above 0.');
  const line = new ProgressLine();
  const began = performance.now();
  try {
    const progress = (watch: LogWatch): void => {
      // Elsewhere it would stand among what the program says.
      if (process.stderr.isTTY) line.show(() => progressText(watch, began));
    };
    const parts = { command, directory, window, faults, aslr, progress };
    const recorded = await record(parts);
    line.clear();
    const next = `vmaspace replay ${quoted(recorded.directory)}`;
    const document = documentOf(recorded, next);
    const text =
      options.json === true ? `${JSON.stringify(document)}\n` : recordText(recorded, next);
    process.stdout.write(text);
    process.exitCode = document.ok ? ALL_AGREED : FOUND;
  } catch (error) {
    line.clear();
    if (error instanceof WrongRecord) throw new UsageError(error.message);
    if (error instanceof CannotRecord) throw new CannotError(error.message);
    throw error;
  }
}

/** As a shell takes it. */
const quoted = (text: string): string =>
  /^[\w./+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function progressText({ calls, alive }: LogWatch, began: number): string {
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return `recording: ${seconds} s, ${alive.size} threads, ${callsPerSecond(calls, began)}`;
}
