import { describe, expect, test } from 'vitest';
import { ownUid } from './kernel.ts';
import { whyNotLive } from './live_kernel.ts';
import { type ProfileName, PROFILE_NAMES } from './profiles.ts';
import { programSource } from './programs.ts';
import { record } from './recorder.ts';
import { parseScript, scriptSource } from './script.ts';

const reason = whyNotLive();

function recordSeed(profile: ProfileName, seed: number): string[] {
  const options = { profile, seed, ops: 40 };
  return record({ ...options, uid: ownUid() }, programSource(options));
}

describe.skipIf(reason !== undefined)(`recordings${reason ? ` (skipped: ${reason})` : ''}`, () => {
  test.each(PROFILE_NAMES)('of %s are identical for one seed, and run again alike', (profile) => {
    const lines = recordSeed(profile, 3);
    expect(recordSeed(profile, 3)).toEqual(lines);
    const script = parseScript(lines.join('\n'));
    expect(script.title).toMatchObject({ profile, seed: 3, ops: 40 });
    expect(record(script.title, scriptSource(script))).toEqual(lines);
  });

  test('a record says what one operation did', () => {
    const steps = ['mmap 0x200000000000 0x2000 3 0x32 -1 0x0', 'st 0x200000001000 0x2000 0x1100'];
    const title = { profile: 'core', seed: 0, ops: 2, uid: ownUid() };
    const script = { title, steps: steps.map((operation) => ({ process: 0, operation })) };
    const lines = record(title, scriptSource(script));
    const [header, base, mapped, stored] = lines.map((line): unknown => JSON.parse(line));
    const vma = ['200000000000', '200000002000', 'rw-p', '0', '', 'rd wr mr mw me ac', 4, 0];
    expect(header).toMatchObject({ format: 2, limits: { STACK: [8388608, 8388608] } });
    expect(base).toMatchObject({ brk: '423000', data: ['400000', '400349'] });
    expect(mapped).toMatchObject({ r: '200000000000' });
    expect(stored).toMatchObject({ t: [1, 'S1'], vmas: [expect.anything(), vma] });
  });
});
