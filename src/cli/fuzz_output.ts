/** Where the result of a campaign goes, of one shard or of all. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FuzzDocument } from '../lab/fuzz/document.ts';
import { fuzzText } from '../lab/fuzz/report.ts';
import { codeOf } from '../lab/replay/recording_files.ts';
import { ALL_AGREED, FOUND, UsageError } from './exit.ts';
import { paint } from './paint.ts';

/** What `vmaspace fuzz merge` looks for in a directory. */
export const RESULT_FILE = 'fuzz.json';

export interface OutputOptions {
  readonly json?: boolean;
  readonly table?: boolean;
  readonly out?: string;
}

/** Before a long run, not behind it. @throws UsageError for what can be no directory. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UsageError(`${path} cannot be made (${codeOf(error)}): give another directory.`);
  }
}

/** Keeps the result where that was asked for, prints it, and decides how the command ends. */
export function putOut(document: FuzzDocument, { json, table, out }: OutputOptions): void {
  const line = `${JSON.stringify(document)}\n`;
  if (out !== undefined) {
    makeDirectory(out);
    writeFileSync(join(out, RESULT_FILE), line);
  }
  const detail = table === true ? 'all' : 'kinds';
  process.stdout.write(json === true ? line : fuzzText(document, detail, paint));
  process.exitCode = document.ok ? ALL_AGREED : FOUND;
}
