import { afterEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../../test/command.ts';
import { eventsCommand } from './events.ts';

const isRoot = process.getuid?.() === 0;

afterEach(() => {
  vi.restoreAllMocks();
});

describe('vmaspace events', () => {
  it('refuses files that are no vectors, and names that no scenario has', async () => {
    await expect(runCommand(eventsCommand(), ['package.json'])).rejects.toThrow(
      /^package\.json, line 1: .*\.$/u,
    );
    await expect(runCommand(eventsCommand(), ['--only', 'nothing'])).rejects.toThrow(
      'No scenario is called "nothing".',
    );
  });

  it(`ends with 3 and one sentence where it may not trace${isRoot ? ', as another user' : ''}`, async () => {
    let complaint = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      complaint += String(chunk);
      return true;
    });
    if (isRoot) vi.spyOn(process, 'getuid').mockReturnValue(65534);
    const { code, text } = await runCommand(eventsCommand(), []);
    expect({ code, text }).toEqual({ code: 3, text: '' });
    expect(complaint).toMatch(/^vmaspace: [A-Z].*\.\n$/u);
  });
});
