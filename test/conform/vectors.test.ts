/** Recorded operations of a real kernel, one file a sequence; see the README beside them. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { conform } from '../../src/lab/conform/conform.ts';
import { parseVector, VectorError } from '../../src/lab/conform/vector.ts';

const FOLDER = new URL('./vectors/', import.meta.url);
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));
const textOf = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');

describe('conform', () => {
  it.each(FILES)('agrees with every record of %s', (name) => {
    const { findings, disagreed, agreed } = conform(parseVector(textOf(name)));
    expect(findings).toEqual([]);
    expect(disagreed).toBe(0);
    expect(agreed).toBeGreaterThan(0);
  });

  it('finds a result that the kernel never gave', () => {
    const lines = textOf('0007-core.jsonl').split('\n');
    const i = lines.findIndex((line) => /"op":"munmap[^}]*"r":0/u.test(line));
    lines[i] = (lines[i] ?? '').replace('"r":0', '"r":-12');
    const { findings, disagreed } = conform(parseVector(lines.join('\n')));
    expect(disagreed).toBe(1);
    expect(findings[0]).toMatchObject({ kind: 'result', line: i + 1, kernel: '-12', engine: '0' });
  });

  it('finds a mapping that the kernel never had', () => {
    const text = textOf('0007-core.jsonl').replaceAll('rd wr mr mw me ac", 0', 'rd wr mr mw me');
    const lines = text.split('\n');
    const i = lines.findIndex((line, at) => at > 1 && line.includes('"vmas"'));
    lines[i] = (lines[i] ?? '').replace('rd wr mr mw me ac', 'rd wr mr mw me nr');
    const { findings } = conform(parseVector(lines.join('\n')));
    expect(findings.some(({ kind, line }) => kind === 'vmas' && line === i + 1)).toBe(true);
  });

  it.each([
    ['', 'the file is empty'],
    ['hello\n', 'line 1: not a line of JSON'],
    ['[1]\n', 'line 1: not a JSON object'],
    ['{"kind":"header","format":9}\n', 'line 1: the format is 9, but only 1 and 2 can be read'],
    ['{"kind":"header"}\n', 'line 1: the format is missing, but only 1 and 2 can be read'],
    ['{"kind":"header","format":1}\n', 'line 1: the list of files is missing'],
    ['{"kind":"header","format":2,"limits":{"AS":[1]}}\n', 'line 1: "limits" is malformed'],
    ['{"kind":"header","format":1,"files":[]}\n', 'line 2: the base record'],
    [
      '{"kind":"header","format":1,"files":[]}\n{"p":0,"op":"base","vmas":[[1]]}\n',
      'line 2: "vmas" is malformed',
    ],
  ])('says what is wrong with %j', (text, message) => {
    expect(() => parseVector(text)).toThrow(VectorError);
    expect(() => parseVector(text)).toThrow(message);
  });

  it('finds limits, totals and forks that the kernel never had', () => {
    const limits = '"limits":{"AS":[-1,-1],"MEMLOCK":[4096,8192],"NPROC":[5,5]}';
    const lines = [
      `{"kind":"header","format":2,"files":[],"uid":7,${limits}}`,
      '{"p":0,"op":"base","vmas":[]}',
      '{"p":0,"op":"rlimit MEMLOCK 0x2001","r":0}',
      '{"p":0,"op":"totals","totals":[0,0,0,4]}',
      '{"p":0,"op":"fork 1","r":-11}',
      '{"p":0,"op":"rlimit NPROC -1","r":-22}',
      '{"p":0,"op":"rlimit NPROC 0","r":0}',
      '{"p":0,"op":"fork 2","r":"child 2"}',
    ];
    const { findings } = conform(parseVector(lines.join('\n')));
    expect(findings.map(({ kind, line, kernel, engine }) => [kind, line, kernel, engine])).toEqual([
      ['result', 3, '0', '-22'],
      [
        'totals',
        4,
        'VmSize 0 kB, VmLck 0 kB, VmData 0 kB, VmStk 4 kB',
        'VmSize 0 kB, VmLck 0 kB, VmData 0 kB, VmStk 0 kB',
      ],
      ['result', 8, 'child 2', '-11'],
    ]);
  });

  it.each([
    ['{"p":0,"op":"fly 0x1"}', 'line 3: no operation is called "fly"'],
    ['{"p":0,"op":"munmap x y","r":0}', 'line 3: "x" is not a number'],
    ['{"p":5,"op":"maps 0"}', 'line 3: process 5 was never forked'],
  ])('says where %s is wrong', (record, message) => {
    const header = '{"kind":"header","format":1,"files":[]}';
    const base = '{"p":0,"op":"base","vmas":[]}';
    expect(() => conform(parseVector(`${header}\n${base}\n${record}`))).toThrow(message);
  });
});
