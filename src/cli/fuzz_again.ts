/** `vmaspace fuzz again`: the operations of a vector once more, by the kernel now and the engine. */
import { Command } from 'commander';
import { VectorError } from '../lab/conform/vector.ts';
import { runAgain } from '../lab/fuzz/again.ts';
import { againText } from '../lab/fuzz/report.ts';
import { LostRecording } from '../lab/oracle/recorder.ts';
import { checkKernel } from './live_kernel.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError } from './exit.ts';
import { readNamed } from './named_file.ts';
import { paint } from './paint.ts';

export function againCommand(): Command {
  return new Command('again')
    .description('runs the operations of vectors beside the live kernel, whatever they recorded')
    .argument('<file...>', 'vectors: what fuzz wrote, or any other')
    .addHelpText(
      'after',
      `\nExample:\n  vmaspace fuzz again vmaspace-fuzz/core-17.jsonl\n\n${EXIT_CODES}`,
    )
    .action(run);
}

function run(names: readonly string[]): void {
  checkKernel();
  const all = names.map((name) => againOne(name));
  process.exitCode = all.every((agrees) => agrees) ? ALL_AGREED : FOUND;
}

function againOne(name: string): boolean {
  const text = readNamed(name, 'a vector');
  try {
    const again = runAgain(text);
    process.stdout.write(againText(name, again, paint));
    return again.finding === undefined || !again.isOurKernel;
  } catch (error) {
    if (error instanceof LostRecording) {
      process.stdout.write(`${name}: the process of the kernel was lost: ${error.message}\n`);
      return false;
    }
    if (error instanceof VectorError) throw new UsageError(`${name}: ${error.message}.`);
    throw error;
  }
}
