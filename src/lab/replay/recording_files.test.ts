import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRecording, RecordingError } from './recording_files.ts';

let directory = '';
const path = (name: string): string => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vmaspace-'));
  writeFileSync(path('empty.strace'), '');
  mkdirSync(path('none'));
  mkdirSync(path('bad'));
  writeFileSync(path('bad/trace.strace'), '1 brk(NULL) = 0x1000\n');
  writeFileSync(path('bad/1.start.maps'), '00400000-00401000 r--p 00000000 00:00 0 \nrubbish\n');
  writeFileSync(path('bad/faults.txt'), '1 2.5 0x1000 0x6\nrubbish\n');
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('openRecording', () => {
  it.each([
    ['missing', 'cannot be read (ENOENT)'],
    ['empty.strace', 'is empty'],
    ['none', 'holds no strace log'],
  ])('refuses %s in one sentence', (name, words) => {
    expect(() => openRecording(path(name))).toThrow(RecordingError);
    expect(() => openRecording(path(name))).toThrow(words);
  });

  it('reads the maps of later execs, and how the machine was set', () => {
    mkdirSync(path('two'));
    writeFileSync(path('two/trace.strace'), '1 brk(NULL) = 0x1000\n');
    writeFileSync(path('two/1.2.start.maps'), '00400000-00401000 r--p 00000000 00:00 0 \n');
    const meta = { settings: { max_map_count: 99, overcommit_memory: 'many' } };
    writeFileSync(path('two/meta.json'), JSON.stringify(meta));
    const { laterStartMaps, startMaps, settings } = openRecording(path('two'));
    expect(laterStartMaps.get('1.2')).toMatchObject([{ start: 0x400000, end: 0x401000 }]);
    expect(startMaps.size).toBe(0);
    expect([...settings]).toEqual([['max_map_count', 99]]);
    writeFileSync(path('two/meta.json'), 'rubbish');
    expect(openRecording(path('two')).settings.size).toBe(0);
  });

  it('keeps what it can of a directory, and names the lines it could not read', () => {
    const { troubles, faults, startMaps } = openRecording(path('bad'));
    expect(troubles).toMatchObject([{ line: 2 }, { line: 2 }]);
    expect(faults?.count).toBe(1);
    expect(startMaps.size).toBe(0);
  });
});
