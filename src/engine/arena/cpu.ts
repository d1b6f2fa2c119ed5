/**
 * "This CPU": the worker's own lines of the arena. Only their owner writes them,
 * so its plain loads and stores are enough; what others read of them says so in
 * layout.ts.
 *
 *   free ── claimCpu() ─────────────────────────────> claimed ── releaseCpu() ──> free
 *     └──── keepCpu() ──> kept ── claimKeptCpu() ──────^  └── beginBurial() ──> buried ──> free
 */
import * as atomics from '#atomics';
import { useShadowCpu } from '#shadow';
import { assert } from './assert.ts';
import { C_CLAIMED, C_LIFE, CPUS, CPUS_AT, CPU_WORDS, H_CPUS_SEEN } from './layout.ts';
import type { Ref } from './ref.ts';

export type Cpu = Ref<'cpu'>;

const FREE = 0;
const CLAIMED = 1;
/** Put aside for a worker that has not come yet. */
const KEPT = 2;
/** Its worker has ended without leaving, and somebody ends what it had begun. */
const BURIED = 3;

/** The lines of the worker that runs this. */
export let thisCpu: Cpu;

export const cpuOf = (id: number): Cpu => (CPUS_AT + id * CPU_WORDS) as Cpu;
export const cpuId = (cpu: Cpu): number => (cpu - CPUS_AT) / CPU_WORDS;

/** The number of the worker that has it, which no other one ever had or will have. */
export const workerOf = (cpu: Cpu): number => atomics.load(cpu + C_LIFE) * CPUS + cpuId(cpu);
/** The CPU that a worker has or had. */
export const cpuOfWorker = (worker: number): Cpu => cpuOf(worker % CPUS);

export function useCpu(cpu: Cpu): void {
  thisCpu = cpu;
  useShadowCpu(cpu);
}

/** @returns the CPU this worker now owns, or null when all are taken. */
export const claimCpu = (): Cpu | null => takeCpu(CLAIMED);
/** The same for a worker that will come later. */
export const keepCpu = (): Cpu | null => takeCpu(KEPT);

/** @returns the CPU that was kept for this worker, or null when it was not, or it is here. */
export function claimKeptCpu(worker: number): Cpu | null {
  const cpu = cpuOfWorker(worker);
  return isOf(cpu, worker) && atomics.cas(cpu + C_CLAIMED, KEPT, CLAIMED) ? cpu : null;
}

function takeCpu(state: number): Cpu | null {
  for (let id = 0; id < CPUS; id++) {
    const cpu = cpuOf(id);
    // Marked as buried first: nobody has it until it has a number.
    if (!atomics.cas(cpu + C_CLAIMED, FREE, BURIED)) continue;
    noteSeen(id + 1);
    atomics.add(cpu + C_LIFE, 1);
    atomics.store(cpu + C_CLAIMED, state);
    return cpu;
  }
  return null;
}

/** How many CPUs have ever been owned: what looks at all of them need not look further. */
export const cpusSeen = (): number => atomics.load(H_CPUS_SEEN);

/** Whether no other worker has a place, kept or claimed. */
export function isAlone(): boolean {
  for (let id = 0; id < cpusSeen(); id++) {
    const cpu = cpuOf(id);
    if (cpu !== thisCpu && atomics.load(cpu + C_CLAIMED) !== FREE) return false;
  }
  return true;
}

function noteSeen(count: number): void {
  for (;;) {
    const seen = atomics.load(H_CPUS_SEEN);
    if (seen >= count || atomics.cas(H_CPUS_SEEN, seen, count)) return;
  }
}

/** Gives a CPU back. Its free lists and counters stay, for the next owner. */
export function releaseCpu(cpu: Cpu): void {
  assert(atomics.cas(cpu + C_CLAIMED, CLAIMED, FREE), 'a CPU is released by its owner, once');
}

/** @returns false when the worker has left by itself, is being buried, or never was. */
export function beginBurial(worker: number): boolean {
  const cpu = cpuOfWorker(worker);
  if (!isOf(cpu, worker)) return false;
  return (
    atomics.cas(cpu + C_CLAIMED, CLAIMED, BURIED) || atomics.cas(cpu + C_CLAIMED, KEPT, BURIED)
  );
}

export const endBurial = (cpu: Cpu): void => atomics.store(cpu + C_CLAIMED, FREE);

/** A number of another life is that of somebody who has left. */
const isOf = (cpu: Cpu, worker: number): boolean =>
  Number.isSafeInteger(worker) && worker >= CPUS && workerOf(cpu) === worker;
