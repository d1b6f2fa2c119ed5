/**
 * "This CPU": the worker's own lines of the arena. Only their owner writes them,
 * so its plain loads and stores are enough; what others read of them says so in
 * layout.ts.
 */
import * as atomics from '#atomics';
import { useShadowCpu } from '#shadow';
import { assert } from './assert.ts';
import { C_CLAIMED, CPUS, CPUS_AT, CPU_WORDS, H_CPUS_SEEN } from './layout.ts';
import type { Ref } from './ref.ts';

export type Cpu = Ref<'cpu'>;

/** The lines of the worker that runs this. */
export let thisCpu: Cpu;

export const cpuOf = (id: number): Cpu => (CPUS_AT + id * CPU_WORDS) as Cpu;
export const cpuId = (cpu: Cpu): number => (cpu - CPUS_AT) / CPU_WORDS;

export function useCpu(cpu: Cpu): void {
  thisCpu = cpu;
  useShadowCpu(cpu);
}

/** @returns the CPU this worker now owns, or null when all are taken. */
export function claimCpu(): Cpu | null {
  for (let id = 0; id < CPUS; id++) {
    const cpu = cpuOf(id);
    if (atomics.cas(cpu + C_CLAIMED, 0, 1)) {
      noteSeen(id + 1);
      return cpu;
    }
  }
  return null;
}

/** How many CPUs have ever been owned: what looks at all of them need not look further. */
export const cpusSeen = (): number => atomics.load(H_CPUS_SEEN);

function noteSeen(count: number): void {
  for (;;) {
    const seen = atomics.load(H_CPUS_SEEN);
    if (seen >= count || atomics.cas(H_CPUS_SEEN, seen, count)) return;
  }
}

/** Gives a CPU back. Its free lists and counters stay, for the next owner. */
export function releaseCpu(cpu: Cpu): void {
  assert(atomics.cas(cpu + C_CLAIMED, 1, 0), 'a CPU is released by its owner, once');
}
