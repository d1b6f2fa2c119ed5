/** `vmaspace fuzz merge`: the results of all shards of a campaign become one. */
import { join } from 'node:path';
import { Command } from 'commander';
import type { FuzzDocument } from '../lab/fuzz/document.ts';
import { merge, MergeError, parsePart } from '../lab/fuzz/merge.ts';
import { EXIT_CODES, UsageError } from './exit.ts';
import { type OutputOptions, putOut, RESULT_FILE } from './fuzz_output.ts';
import { readNamed } from './named_file.ts';

export function mergeCommand(): Command {
  return new Command('merge')
    .description('adds up the results of all shards of one campaign')
    .argument('<dir...>', 'what each shard was given with -o')
    .option('-o, --out <dir>', 'where the result goes')
    .option('--table', 'tell everything that was reached')
    .option('--json', 'print one JSON document')
    .addHelpText('after', `\nExample:\n  vmaspace fuzz merge one two three\n\n${EXIT_CODES}`)
    .action(run);
}

/** The options of the command above are taken where both have one of the name. */
function run(directories: readonly string[], _own: OutputOptions, command: Command): void {
  putOut(merged(directories), command.optsWithGlobals<OutputOptions>());
}

function merged(directories: readonly string[]): FuzzDocument {
  try {
    return merge(
      directories.map((directory) => {
        const path = join(directory, RESULT_FILE);
        return parsePart(path, readNamed(path, 'a directory that "vmaspace fuzz -o" wrote'));
      }),
    );
  } catch (error) {
    if (error instanceof MergeError) throw new UsageError(error.message);
    throw error;
  }
}
