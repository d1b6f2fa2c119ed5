/** What an executor says is wrong. */
import type { Sleepers } from './sleepers.ts';
import type { Thread } from './thread.ts';

export const kept = (name: string): string =>
  `a catch in ${name} kept what the checker threw: catch only your own errors, and throw others on`;

export const tooMany = (most: number, name: string): string =>
  `more than ${most} accesses, the last by ${name}: a loop that tries until another thread has run never ends when that one is not let run; sleep with wait(), or spin with spinWhile()`;

export const didOther = (name: string, does: string): string =>
  `after the same steps as before ${name} did another one: "${does}"`;

export const repeatsOther = ({ accesses, name }: Thread, did: string, does: string): string =>
  `access ${accesses + 1} of ${name} was "${did}", and when it was run again "${does}" (perhaps with other arguments)`;

export const ended = ({ name }: Thread, did: string): string =>
  `${name} ended where it had done "${did}" before`;

export const cannotRun = (thread: number): string =>
  `thread ${thread} could run here before, and now cannot`;

/** A deadlock. */
export function allRest(
  threads: readonly Thread[],
  sleepers: Sleepers,
  nameOf: (at: number) => string,
): string {
  const each = threads.map(({ id, name }) => {
    const does = sleepers.isSpinning(id) ? 'spins' : 'sleeps';
    return `${name} ${does} on ${nameOf(sleepers.wordOf(id))}`;
  });
  return `nobody is left to wake: ${each.join(', ')}`;
}

/** What a thread threw of its own. */
export const thrown = (what: unknown): string =>
  what instanceof Error ? `${what.name}: ${what.message}` : String(what);
