import { afterEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../../test/command.ts';
import { eventsCommand } from './events.ts';
import { CannotError } from './exit.ts';

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

  it(`says in one sentence that it may not trace${isRoot ? ', as another user' : ''}`, async () => {
    if (isRoot) vi.spyOn(process, 'getuid').mockReturnValue(65534);
    const refused = runCommand(eventsCommand(), []);
    await expect(refused).rejects.toThrow(CannotError);
    await expect(refused).rejects.toThrow(/^[A-Z].*\.$/u);
  });
});
