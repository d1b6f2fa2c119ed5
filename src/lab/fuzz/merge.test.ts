import { describe, expect, it } from 'vitest';
import type { FuzzDocument } from './document.ts';
import { merge, parsePart, type Part } from './merge.ts';

function part(index: number, change: Partial<FuzzDocument> = {}): Part {
  const document: FuzzDocument = {
    schema: 'vmaspace-fuzz/1',
    ok: true,
    summary: { runs: 5, calls: 100, disagreed: 0, seconds: 1, features: 1 },
    findings: [],
    otherKernel: [],
    version: '0.1.0',
    kernel: '6.18.44',
    plan: { seed: 1, runs: 10, ops: 60, profiles: ['core'] },
    shard: { index, of: 2 },
    complete: true,
    reached: { 'errno: brk up: ok': 1, [`errno: mincore: ${index}`]: 2 },
    ...change,
  };
  return { place: `part${index}`, document };
}

describe('merging the shards of a campaign', () => {
  it('adds runs, calls and what was reached', () => {
    expect(merge([part(2), part(1)])).toMatchObject({
      ok: true,
      summary: { runs: 10, calls: 200, features: 3 },
      shard: { index: 1, of: 1 },
      reached: { 'errno: brk up: ok': 2, 'errno: mincore: 1': 2, 'errno: mincore: 2': 2 },
    });
  });

  it('is not ok when one part is not', () => {
    expect(merge([part(1), part(2, { ok: false })]).ok).toBe(false);
  });

  it.each([
    ['a gap', [part(1)], 'shard 2 of 2 is missing'],
    ['an overlap', [part(1), part(1), part(2)], 'part1 and part1 are both shard 1 of 2'],
    ['another version', [part(1), part(2, { version: '0.2.0' })], 'part2 is of another campaign'],
    ['another kernel', [part(1), part(2, { kernel: '6.12.1' })], 'kernel "6.12.1"'],
    [
      'another plan',
      [part(1), part(2, { plan: { seed: 2, runs: 10, ops: 60, profiles: ['core'] } })],
      'plan',
    ],
    ['another number of shards', [part(1), part(2, { shard: { index: 2, of: 3 } })], 'one of 3'],
    ['a part that was stopped', [part(1), part(2, { complete: false })], 'stopped before its end'],
    ['nothing', [], 'nothing to merge'],
  ])('refuses %s', (_, parts, sentence) => {
    expect(() => merge(parts)).toThrow(sentence);
  });

  it.each(['', '{', '[]', '{"schema":"vmaspace-fuzz/2"}', '{"schema":"vmaspace-fuzz/1"}'])(
    'refuses %j as a part',
    (text) => {
      expect(() => parsePart('x/fuzz.json', text)).toThrow('x/fuzz.json is not a result');
    },
  );
});
