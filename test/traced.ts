/** What happens in a machine while something is done. */
import type { EventName, Machine, TraceRecord } from '../src/index.ts';

/** @returns the events of these kinds, in order, without those of before. */
export function traced(
  machine: Machine,
  kinds: readonly EventName[],
  act: () => unknown,
): TraceRecord[] {
  const before = machine.readTrace().at(-1)?.seq ?? -1;
  machine.trace(kinds);
  try {
    act();
  } finally {
    machine.trace([]);
  }
  return machine.readTrace().filter(({ seq }) => seq > before);
}
