/**
 * Calling what is not ours: a hook that throws, or returns what is no result, becomes an errno. The
 * driver may be any code; nothing of the engine lies between it and here.
 */
import { IS_SHADOWED, scheduled } from '#shadow';
import { EINVAL, EIO, type Errno } from '../arena/errno.ts';
import { keepWorkerState } from '../arena/worker_state.ts';
import { VIOLATED_RESULT, VIOLATED_THROW } from '../trace/verdict.ts';
import { reportDriverFault } from './driver_fault.ts';

/** Which hook of which driver, on behalf of which mm. */
export interface DriverCall {
  readonly driver: string;
  readonly hook: string;
  readonly mm: number;
}

/** How many hooks this worker is inside of: a stacked driver calls another. */
const inside = keepWorkerState({ hooks: 0 });

/** A system call from inside a hook would wait for a lock that its own caller holds. */
export const isInsideDriver = (): boolean => inside.hooks > 0;

/** @returns 0 or the hook's errno as it is; EIO when it throws, EINVAL for any other result. */
export function callDriver(call: DriverCall, body: () => unknown): 0 | Errno {
  inside.hooks++;
  try {
    const result = body();
    if (isHookResult(result)) return result;
    const what = typeof result === 'number' ? String(result) : typeof result;
    reportDriverFault({ ...call, violation: VIOLATED_RESULT, what, thrown: null }, call.mm);
    return EINVAL;
  } catch (error) {
    if (IS_SHADOWED) scheduled()?.letThrough(error);
    reportDriverFault(
      { ...call, violation: VIOLATED_THROW, what: messageOf(error), thrown: error },
      call.mm,
    );
    return EIO;
  } finally {
    inside.hooks--;
  }
}

/** For hooks that only tell the driver something: what they return does not matter. */
export function tellDriver(call: DriverCall, body: () => void): void {
  callDriver(call, () => {
    body();
    return 0;
  });
}

const ERRNO_MAX = 4095;

const isHookResult = (result: unknown): result is 0 | Errno =>
  typeof result === 'number' && Number.isInteger(result) && result <= 0 && result >= -ERRNO_MAX;

function messageOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'something that cannot be shown';
  }
}
