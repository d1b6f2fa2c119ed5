import { describe, expect, it } from 'vitest';
import { coverageText, type Evidence } from './coverage.ts';

const EVIDENCE: Evidence = {
  pack: { 'errno: mmap private, fixed: ok': 2, 'limit: mmap: RLIMIT_AS': 1 },
  fuzz: { 'errno: mmap private, fixed: ENOMEM': 1200, 'errno: mmap shared, hint: EINVAL': 5 },
  figures: { calls: '1,205' },
  exists: (path) => path === 'test/here.test.ts',
};

const page = (row: string): string => coverageText(row, EVIDENCE);

describe('the page of claims', () => {
  it('says how often a form met the kernel, and what it answered', () => {
    expect(page('| MAP_FIXED | as the kernel | | `mmap .*, fixed` |')).toBe(
      '| MAP_FIXED | as the kernel | | pack 2, fuzz 1,200: ENOMEM ok |',
    );
  });

  it('adds patterns up, and links tests', () => {
    expect(page('| a | differs | so | `limit: .*: RLIMIT` `test/here.test.ts` |')).toBe(
      '| a | differs | so | pack 1, fuzz 0; [test/here.test.ts](../test/here.test.ts) |',
    );
    expect(page('| b | differs | | `mmap` |')).toContain('pack 2, fuzz 1,205: EINVAL ENOMEM ok');
  });

  it('leaves titles, text and other tables alone', () => {
    const text = '# Title\n\n| form | | note | met by |\n|---|---|---|---|\n| one | two |\n';
    expect(page(text)).toBe(text);
    expect(page('{{calls}} calls')).toBe('1,205 calls');
  });

  it.each([
    ['| fork | as the kernel | | |', 'line 1: nothing stands behind "fork"'],
    ['| fork | differs | | `fork` |', 'line 1: neither the pack nor the fuzzer met "fork"'],
    ['| a | differs | | `test/gone.test.ts` |', 'line 1: there is no test/gone.test.ts'],
    ['\n{{cost}}', 'line 2: there is no figure "cost"'],
  ])('refuses %j', (row, sentence) => {
    expect(() => page(row)).toThrow(sentence);
  });
});
