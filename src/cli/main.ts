#!/usr/bin/env node
/** The command line: one file a command. */
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { conformCommand } from './conform.ts';
import { eventsCommand } from './events.ts';
import { fuzzCommand } from './fuzz.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';
import { surveyCommand } from './survey.ts';
import { sweepCommand } from './sweep.ts';
import { VERSION } from './version.ts';
import {
  CANNOT,
  EXIT_CODES,
  isCannotError,
  isUsageError,
  reportUnexpected,
  WRONG_USE,
} from './exit.ts';

const program = new Command('vmaspace')
  .description("Linux's address-space manager in TypeScript, and a lab around it.")
  .version(VERSION)
  .addHelpText('after', `\nExample:\n  vmaspace replay examples/python-import\n\n${EXIT_CODES}`)
  .addCommand(replayCommand())
  .addCommand(recordCommand())
  .addCommand(conformCommand())
  .addCommand(fuzzCommand())
  .addCommand(checkCommand())
  .addCommand(eventsCommand())
  .addCommand(surveyCommand())
  .addCommand(sweepCommand());

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const below of command.commands) throwInsteadOfExit(below);
}

// Whoever reads may stop reading: `vmaspace replay trace | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  throwInsteadOfExit(program);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : WRONG_USE;
  else if (isUsageError(error)) {
    process.stderr.write(`vmaspace: ${error.message}\n`);
    process.exitCode = WRONG_USE;
  } else if (isCannotError(error)) {
    process.stderr.write(`vmaspace: ${error.message}\n`);
    process.exitCode = CANNOT;
  } else process.exitCode = reportUnexpected(error, process.argv.slice(2));
}
