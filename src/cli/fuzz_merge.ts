/** `vmaspace fuzz merge`: the results of all shards of a campaign become one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { FuzzDocument } from '../lab/fuzz/document.ts';
import { merge, MergeError, parsePart } from '../lab/fuzz/merge.ts';
import { fuzzText } from '../lab/fuzz/report.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError } from './exit.ts';
import { readNamed } from './named_file.ts';
import { paint } from './paint.ts';

interface Options {
  readonly json?: boolean;
  readonly table?: boolean;
  readonly out?: string;
}

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
function run(directories: readonly string[], _own: Options, command: Command): void {
  const { json, table, out } = command.optsWithGlobals<Options>();
  const document = merged(directories);
  if (out !== undefined) {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'fuzz.json'), `${JSON.stringify(document)}\n`);
  }
  const text =
    json === true
      ? `${JSON.stringify(document)}\n`
      : fuzzText(document, table === true ? 'all' : 'kinds', paint);
  process.stdout.write(text);
  process.exitCode = document.ok ? ALL_AGREED : FOUND;
}

function merged(directories: readonly string[]): FuzzDocument {
  try {
    return merge(
      directories.map((directory) => {
        const path = join(directory, 'fuzz.json');
        return parsePart(path, readNamed(path, 'a directory that "vmaspace fuzz -o" wrote'));
      }),
    );
  } catch (error) {
    if (error instanceof MergeError) throw new UsageError(error.message);
    throw error;
  }
}
