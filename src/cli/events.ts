/** `vmaspace events`: locks and stores inside each operation, beside the kernel's tracepoints. */
import { setImmediate } from 'node:timers/promises';
import { Command } from 'commander';
import { VectorError } from '../lab/conform/vector.ts';
import { builtInScenarios } from '../lab/events/built_in.ts';
import { type ComparedScenario, compareEvents } from '../lab/events/comparison.ts';
import { documentOf, eventsText } from '../lab/events/report.ts';
import { type EventScenario, parseScenarioFile } from '../lab/events/scenario.ts';
import { CannotTrace, Tracing } from '../lab/events/tracing.ts';
import { kernelRelease } from '../lab/oracle/live_kernel.ts';
import { LostRecording } from '../lab/oracle/recorder.ts';
import { ALL_AGREED, CannotError, EXIT_CODES, FOUND, UsageError } from './exit.ts';
import { checkKernel } from './live_kernel.ts';
import { readNamed } from './named_file.ts';
import { ProgressLine } from './progress.ts';

interface Options {
  readonly json?: boolean;
  readonly only?: string;
}

const EXAMPLES = `
Examples:
  vmaspace events                              the built-in list, as docs/events.md has it
  vmaspace events --only mremap                the scenarios with this word in their name
  vmaspace events conformance/munmap.jsonl     those of a vector, or of a pack
  vmaspace events > docs/events.md             after a change

Needs root and tracefs. It uses a tracing instance of its own, which is gone afterwards.
`;

export function eventsCommand(): Command {
  return new Command('events')
    .description("compares locks and stores inside each operation with the kernel's tracepoints")
    .argument('[file...]', 'conformance vectors or packs, or - for stdin; else a built-in list')
    .option('--json', 'print one JSON document')
    .option('--only <text>', 'only the scenarios whose name contains this')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run);
}

async function run(files: readonly string[], options: Options): Promise<void> {
  const chosen = scenariosOf(files).filter(({ name }) => name.includes(options.only ?? ''));
  if (chosen.length === 0) throw new UsageError(`No scenario is called "${options.only ?? ''}".`);
  const compared = await compareAll(chosen);
  const document = documentOf(compared, kernelRelease());
  const text =
    options.json === true ? `${JSON.stringify(document)}\n` : eventsText(compared, kernelRelease());
  process.stdout.write(text);
  process.exitCode = document.ok ? ALL_AGREED : FOUND;
}

function scenariosOf(files: readonly string[]): EventScenario[] {
  if (files.length === 0) return builtInScenarios();
  return files.flatMap((file) => {
    const text = readNamed(file, 'a conformance vector or a pack');
    try {
      return parseScenarioFile(text, file);
    } catch (error) {
      if (error instanceof VectorError) throw new UsageError(`${file}, ${error.message}.`);
      throw error;
    }
  });
}

/**
 * @returns what was compared, until somebody interrupts.
 * @throws CannotError, OracleError where this machine cannot do it.
 */
async function compareAll(scenarios: readonly EventScenario[]): Promise<ComparedScenario[]> {
  checkKernel();
  const line = new ProgressLine();
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const compared: ComparedScenario[] = [];
  let tracing: Tracing | null = null;
  try {
    tracing = new Tracing();
    for (const scenario of scenarios) {
      line.show(() => `${compared.length} of ${scenarios.length}: ${scenario.name}`);
      compared.push(compareEvents(scenario, tracing));
      await setImmediate();
      if (interrupt.signal.aborted) break;
    }
    return compared;
  } catch (error) {
    if (error instanceof CannotTrace) throw new CannotError(error.message);
    if (!(error instanceof LostRecording)) throw error;
    throw new CannotError(`${scenarios[compared.length]?.name}: ${error.message}`);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    line.clear();
    tracing?.close();
  }
}
