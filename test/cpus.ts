/** One thread as several workers: each CPU holds its own locks and read sections. */
import { claimCpu, type Cpu, releaseCpu, thisCpu, useCpu } from '../src/engine/arena/cpu.ts';

/** Runs `act` as the worker of a CPU would. */
export function asCpu<T>(cpu: Cpu, act: () => T): T {
  const mine = thisCpu;
  useCpu(cpu);
  try {
    return act();
  } finally {
    useCpu(mine);
  }
}

/** Runs `act` as a worker that is there only for that. */
export function asAnother<T>(act: () => T): T {
  const cpu = claimCpu();
  if (cpu === null) throw new Error('no CPU');
  try {
    return asCpu(cpu, act);
  } finally {
    releaseCpu(cpu);
  }
}
