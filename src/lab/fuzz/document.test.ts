import { describe, expect, it } from 'vitest';
import type { CampaignResult } from './campaign.ts';
import { fuzzDocument } from './document.ts';
import type { Finding } from './finding.ts';
import { fuzzText } from './report.ts';

const FINDING: Finding = {
  kind: 'result',
  op: 'munmap 0x1000 0x1000',
  kernel: '0',
  engine: '-22',
  profile: 'core',
  seed: 1,
  isStable: true,
  lines: [],
  program: ['0: munmap 0x1000 0x1000'],
  file: 'core-1.jsonl',
};

const RESULT: CampaignResult = {
  plan: { seed: 1, runs: 2, ops: 60, profiles: ['core'] },
  shard: { index: 1, of: 1 },
  isComplete: true,
  findings: [FINDING],
  reached: { 'errno: munmap: ok': 5 },
  seconds: 1,
  runs: 2,
  calls: 100,
  records: 120,
};

const on = (kernel: string, findings: readonly Finding[] = [FINDING]) =>
  fuzzDocument({ ...RESULT, findings }, { version: '0.1.0', kernel });

const plain = (_style: string, text: string): string => text;

describe('the result of a campaign', () => {
  it('is a failure when 6.18 disagrees', () => {
    expect(on('6.18.44')).toMatchObject({
      ok: false,
      summary: { runs: 2, calls: 100, disagreed: 1, otherKernel: 0, lost: 0 },
      findings: [FINDING],
    });
  });

  it("is none when another kernel does: the difference is told as that kernel's", () => {
    const document = on('6.12.9');
    expect(document).toMatchObject({
      ok: true,
      summary: { disagreed: 0, otherKernel: 1 },
      findings: [],
      otherKernel: [FINDING],
    });
    expect(fuzzText(document, 'kinds', plain)).toContain('1 program differs');
  });

  it('counts a lost process as a finding, and not as a disagreement', () => {
    const lost: Finding = { ...FINDING, kind: 'lost', isStable: false };
    const document = on('6.18.44', [lost]);
    expect(document).toMatchObject({ ok: false, summary: { disagreed: 0, lost: 1 } });
    expect(fuzzText(document, 'kinds', plain)).toContain('1 lost their process');
  });

  it('says what was reached least often, and what was not', () => {
    const text = fuzzText(on('6.18.44', []), 'kinds', plain);
    expect(text).toContain('2 programs, 100 calls beside Linux 6.18.44: all agree.');
    expect(text).toMatch(/errno +1 {2}munmap: ok \(5\)/u);
    expect(text).toContain('not reached: merges: merged new range, left;');
  });
});
