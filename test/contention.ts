/** Starts workers that all do one job of src/engine/sync/contention.worker.mjs at the same time. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createArena, takeWords } from '../src/engine/arena/arena.ts';
import { claimCpu, useCpu } from '../src/engine/arena/cpu.ts';
import type { Memory } from '../src/engine/arena/memory.ts';
import type { WordAt } from '../src/engine/arena/ref.ts';

const DIST = new URL(process.env['DIST'] ?? '../dist/', import.meta.url).href;
const WORKER = new URL('../src/engine/sync/contention.worker.mjs', import.meta.url);

export type Job = 'spinlock' | 'rwsem' | 'lone_reader' | 'lone_writer' | 'slab' | 'rcu';

export interface Contest {
  /** Where the words of the job begin. */
  readonly at: WordAt;
  /** How often a worker saw what must not be. */
  readonly wrong: number;
}

/** A small arena of this thread's own, without a machine. */
export function bareArena(bytes = 8 * 2 ** 20): Memory {
  const memory = createArena(bytes);
  const cpu = claimCpu();
  if (cpu === null) throw new Error('no CPU');
  useCpu(cpu);
  return memory;
}

export async function contend(job: Job, workers: number, rounds: number): Promise<Contest> {
  const { buffer } = bareArena(32 * 2 ** 20);
  const at = takeWords(128);
  const all = Array.from({ length: workers }, (_, me) => {
    const workerData = { dist: DIST, buffer, job, at, rounds, me, workers };
    return finish(new Worker(WORKER, { workerData }));
  });
  const reports = await Promise.all(all);
  return { at, wrong: reports.reduce((sum, { wrong }) => sum + wrong, 0) };
}

async function finish(worker: Worker): Promise<{ wrong: number }> {
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  const [report] = (await Promise.race([once(worker, 'message'), failed])) as [{ wrong: number }];
  return report;
}
