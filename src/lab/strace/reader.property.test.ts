import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMemoryCall } from './decode.ts';
import { readLog } from './read_log.ts';
import { StraceReader } from './reader.ts';
import type { StraceRecord } from './record.ts';

/** Pieces that, in any order, come near everything a log may hold. */
const PIECE = fc.oneof(
  fc.constantFrom(
    '1 ',
    '2 ',
    '[pid  3] ',
    '08:00:00 ',
    '     0.000001 ',
    '1795163264.473153 ',
    '[ 12] ',
  ),
  fc.constantFrom(
    'mmap(',
    'vfork(',
    'clone3(',
    'prctl(',
    'execve(',
    'syscall_0x1ce(',
    '<... mmap resumed>',
  ),
  fc.constantFrom(
    'NULL',
    '0x7f00',
    '-1',
    'PROT_READ|PROT_WRITE',
    '1<<99',
    '9*9*9',
    '3</dev/zero<char 1:5>>',
  ),
  fc.constantFrom(
    '"a\\"b',
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    '<',
    '>',
    '(',
    ')',
    '/*',
    '*/',
    ', ',
    '=',
    ' => ',
  ),
  fc.constantFrom(
    ' = 0',
    ' = -1 ENOMEM (x)',
    ' = ?',
    ' = ? ERESTARTSYS (x)',
    ' (DELAYED)',
    ' <0.000010>',
  ),
  fc.constantFrom(
    ' <unfinished ...>',
    ' <detached ...>',
    'strace: Process 3 attached',
    '--- SIGSEGV {} ---',
  ),
  fc.constantFrom('+++ exited with 0 +++', '+++ superseded by execve in pid 2 +++', '\r\n', '\0'),
  fc.constant('\n'),
);
const LOG = fc.oneof(
  fc.array(PIECE, { maxLength: 60 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

/** The lines that the records stand for. */
function linesOf(records: readonly StraceRecord[]): Set<number> {
  const lines = new Set(records.map((record) => record.line));
  for (const record of records) {
    if (record.kind !== 'call') continue;
    if (record.resumed !== null) lines.add(record.resumed.line);
    if (record.continuedLine !== null) lines.add(record.continuedLine);
  }
  return lines;
}

const isThere = (line: string): boolean => line.replace(/\r$/, '') !== '';

/** The same texts each time; SEED=... tries others, and a failure prints its own. */
fc.configureGlobal({ seed: Number(process.env['SEED'] ?? 1) });

describe('any text', () => {
  it('that is half of the end of a line is no line', () => {
    expect(readLog('\r')).toEqual([]);
  });

  it('is read without an exception, and every line of it is accounted for', () => {
    fc.assert(
      fc.property(LOG, (log) => {
        const lines = linesOf(readLog(log));
        const given = log.split('\n').flatMap((line, index) => (isThere(line) ? [index + 1] : []));
        expect([...lines].toSorted((a, b) => a - b)).toEqual(given);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the same records however it is cut into pieces', () => {
    fc.assert(
      fc.property(LOG, fc.integer({ min: 1, max: 9 }), (log, size) => {
        const records: StraceRecord[] = [];
        const reader = new StraceReader((record) => records.push(record));
        for (let at = 0; at < log.length; at += size) reader.push(log.slice(at, at + size));
        reader.end();
        expect(records).toEqual(readLog(log));
      }),
    );
  });

  it('is decoded, or refused with a sentence', () => {
    fc.assert(
      fc.property(LOG, (log) => {
        for (const record of readLog(log)) if (record.kind === 'call') decodeMemoryCall(record);
      }),
    );
  });
});
