import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Ran, runCommand } from '../../test/command.ts';
import { checkCommand } from './check.ts';
import { UsageError } from './exit.ts';

const checked = (...args: string[]): Promise<Ran> => runCommand(checkCommand(), args);

afterEach(() => {
  vi.restoreAllMocks();
});

// The command starts explorers of the built engine: npm run build.
describe('vmaspace check', () => {
  it('X-25 tells a seed: the bug in the old protocol, and not in the new one', async () => {
    const { text, code } = await checked('000-gap:two-step', '000-gap:gather');
    expect(text).toContain('the walker found nothing where pages are mapped');
    expect(text).toContain('mm1.mmap_lock');
    expect(text).toMatch(/-- switch to (?:walker|mapper) --/u);
    expect(text).toMatch(/^000-gap +gather +\d+ +holds in every interleaving$/mu);
    expect(code).toBe(0);
  });

  it('X-2 X-3 follows the schedule that it printed, to the same end', async () => {
    const { text } = await checked('000-gap:two-step');
    const [, schedule = ''] = /^replay: (.+)$/mu.exec(text) ?? [];
    const again = await checked('--replay', schedule);
    expect(again.text).toContain('violation: the walker found nothing where pages are mapped');
    expect(again.code).toBe(1);
  });

  it('ends with 1 when something breaks in a protocol of the user’s choice', async () => {
    const { text, code } = await checked(
      '000-gap:gather',
      '--protocol',
      'munmap=two-step',
      '--json',
    );
    const document = JSON.parse(text) as {
      ok: boolean;
      summary: Record<string, number>;
      findings: { report: { counterexample: { steps: unknown[] } } }[];
    };
    expect(document).toMatchObject({ schema: 'vmaspace-check/1', ok: false });
    expect(document.summary).toMatchObject({ scenarios: 1, violations: 1, races: 0, exhausted: 1 });
    expect(document.findings[0]?.report.counterexample.steps.length).toBeGreaterThan(20);
    expect(code).toBe(1);
  });

  it('says that it has not seen every interleaving when the budget is spent', async () => {
    const { text, code } = await checked('000-gap:gather', '--budget', '1');
    expect(text).toContain('nothing yet: the budget is spent');
    expect(text).toContain('1 not explored to the end');
    expect(code).toBe(0);
  });

  it('lists what there is', async () => {
    const { text } = await checked('--list');
    expect(text).toContain('000-gap\n    MAP_FIXED replaces');
    expect(text).toContain('two-step (breaks)');
  });

  it.each([
    [['no-such-race'], /There is no scenario "no-such-race"/u],
    [['--story', '9'], /There is no scenario "9"/u],
    [['--protocol', 'vmaLock=huge'], /vmaLock is one of refcnt, typesafe, rwsem, off/u],
    [['--protocol', 'colour=red'], /the axes are mmapHook/u],
    [['--strategy', 'guess'], /--strategy is one of dpor/u],
    [['--budget', 'soon'], /--budget takes executions, or seconds/u],
    [['--shard', '3/2'], /--shard takes the part/u],
    [['--locks', 'fake'], /--locks takes "real"/u],
    [['--replay', 'nothing'], /--replay takes RACE:VARIANT:SCHEDULE/u],
  ])('tells wrong use in a sentence: %j', async (args, sentence) => {
    await expect(checked(...args)).rejects.toThrow(sentence);
    await expect(checked(...args)).rejects.toBeInstanceOf(UsageError);
  });
});
