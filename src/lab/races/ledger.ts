/** How every world ends: each process is verified and exits, and then nothing is left. */
import { leftOver } from '../../machine_allocations.ts';
import { Process } from '../../index.ts';
import type { Results } from '../check/scenario.ts';
import type { World } from './world.ts';

/** Processes that the threads' operations returned: children of a fork. */
export const childrenIn = (results: Results): Process[] =>
  Object.values(results)
    .flat()
    .filter((result) => result instanceof Process);

/**
 * The address spaces are what they must be between calls; then all processes end and the world's
 * files are closed. @returns what is left over after that, or null. The world is gone.
 */
export function endOf(world: World, results: Results): string | null {
  const { machine, process, files = [], owed } = world;
  machine.enter();
  for (const child of [...childrenIn(results), process]) {
    child.verify();
    child.exit();
  }
  const wrong = owed?.() ?? null;
  if (wrong !== null) return wrong;
  for (const fd of files) machine.close(fd);
  const left = leftOver();
  return left.length === 0 ? null : `when all have ended there is left ${left.join(', ')}`;
}
