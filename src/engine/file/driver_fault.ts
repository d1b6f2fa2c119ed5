/**
 * What drivers did wrong. The machine counts it, traces it and leaves it in the verdict; what was
 * thrown is an object of this worker, and so is the list of the last ones.
 */
import { countEvent, DRIVER_FAULT, DRIVER_VIOLATION } from '../trace/counters.ts';
import { DRIVER_FAULT_EVENT, isTraced, traceRange } from '../trace/events.ts';
import { noteViolation, VIOLATED_ABSENT, VIOLATED_THROW } from '../trace/verdict.ts';

export interface DriverFault {
  readonly driver: string;
  /** The function that was running, such as `mmapPrepare`. */
  readonly hook: string;
  /** VIOLATED_* */
  readonly violation: number;
  /** The field, the value or the message. */
  readonly what: string;
  /** What it threw, if it did. */
  readonly thrown: unknown;
}

/** As many are kept as anyone reads. */
const FAULTS_MAX = 100;
const faults: DriverFault[] = [];

/** Counts and keeps one fault. */
export function reportDriverFault(fault: DriverFault, mm: number): void {
  const isFault = fault.violation === VIOLATED_THROW || fault.violation === VIOLATED_ABSENT;
  countEvent(isFault ? DRIVER_FAULT : DRIVER_VIOLATION);
  noteViolation(fault.violation);
  if (isTraced(DRIVER_FAULT_EVENT)) {
    traceRange(DRIVER_FAULT_EVENT, mm, { arg: fault.violation, a: 0, b: 0 });
  }
  if (faults.length === FAULTS_MAX) faults.shift();
  faults.push(fault);
}

/** @returns the faults that this worker has met since it was last asked, oldest first. */
export const takeDriverFaults = (): DriverFault[] => faults.splice(0);
