import { StraceReader, type ReaderOptions } from './reader.ts';
import type { StraceRecord } from './record.ts';

/** Reads a log that is in memory whole, as in a browser or a test. */
export function readLog(log: string, options: ReaderOptions = {}): StraceRecord[] {
  const records: StraceRecord[] = [];
  const reader = new StraceReader((record) => records.push(record), options);
  reader.push(log);
  reader.end();
  return records;
}
