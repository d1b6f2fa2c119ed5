/** What every system call begins with. */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { current, taskMm } from '../mm/task_struct.ts';
import { clearVerdict } from '../trace/verdict.ts';

/** The address space of the running task; the reasons of the call before are forgotten. */
export function enterSyscall(): Mm {
  clearVerdict();
  const mm = taskMm(current());
  assert(mm !== NULL, 'a task that makes calls has an address space');
  return mm;
}
