import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OracleError } from './oracle_error.ts';

/** A fresh folder, to be removed by who asked for it. */
export function makeTempFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'vmaspace-oracle-'));
  } catch {
    const sentence = `nothing can be written to ${tmpdir()}: set TMPDIR to a folder that can be.`;
    throw new OracleError('denied', sentence);
  }
}
