import { describe, expect, it } from 'vitest';
import { conform } from '../conform/conform.ts';
import { parseVector } from '../conform/vector.ts';
import { Reach } from './reach.ts';

const BASE = '{"p":0,"op":"base","base":1,"vmas":[],"brk":"1a11000"}';
const HEADER = JSON.stringify({ kind: 'header', format: 1, kernel: '6.18.44', files: [] });

/** What a program reaches; results are not compared. */
function reached(...records: object[]): string[] {
  const lines = [HEADER, BASE, ...records.map((record) => JSON.stringify({ p: 0, ...record }))];
  const reach = new Reach();
  conform(parseVector(lines.join('\n')), (seen) => reach.see(seen));
  return [...reach.features.keys()];
}

/** Its VMAs are not compared either, but they have to be there for the run to look. */
const mapped = (op: string, r: number | string) => ({ op, r, vmas: [] });

const map = (page: number, pages: number, prot = 3) =>
  mapped(`mmap ${0x200000000000 + page * 4096} ${pages * 4096} ${prot} 0x32 -1 0`, '200000000000');

describe('what a program reaches', () => {
  it("'A.B', '*' between -> 'AAA': both sides merge", () => {
    const features = reached(map(0, 1), map(2, 1), map(1, 1));
    expect(features).toContain('merge: mmap: merged new range, both');
    expect(features).toContain('errno: mmap private anonymous, fixed: ok');
  });

  it('names the rule that refused', () => {
    expect(reached(map(0, 1), map(1, 1, 1))).toContain('refused: mmap: left: flags');
  });

  it('names what a refused call left: a sealed page stops an munmap behind a split', () => {
    const features = reached(
      map(0, 2),
      mapped('mseal 0x200000001000 0x1000 0', 0),
      map(-2, 2),
      mapped('munmap 0x1fffffffF000 0x3000', -1),
    );
    expect(features).toContain('residue: munmap: EPERM: split');
    expect(features).toContain('merge: munmap: reattached');
  });

  it('names what a touch met, and where', () => {
    const touch = { op: 'ld 0x200000000000 0x2000', t: ['0', 'S1'], vmas: [] };
    const features = reached(map(0, 1), touch);
    expect(features).toContain('touch: ld over private memory: ok');
    expect(features).toContain('touch: ld over nothing: S1');
  });

  it('takes what brk returns for no errno', () => {
    expect(reached(mapped('brk -4096', -4096))).toEqual(['errno: brk down: ok']);
  });
});
