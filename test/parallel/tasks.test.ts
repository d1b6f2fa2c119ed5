/**
 * Two workers make processes and wait for them, one runs them to their ends, and one kills, reaps
 * and walks whatever it meets, while forks fail. Then all were waited for, and nothing is left.
 *
 *     SEED=n npx vitest run test/parallel/tasks.test.ts
 */
import { once } from 'node:events';
import { env } from 'node:process';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const START = 0x200000000000;
const PAGES = 32;
const ROUNDS = Number(env['ROUNDS'] ?? 150);
const SEED = Number(env['SEED'] ?? Date.now() % 1_000_000);
const ROLES = ['make', 'make', 'run', 'kill'] as const;

interface Counts {
  readonly made: number;
  readonly waited: number;
  readonly killed: number;
  readonly refused: number;
  readonly execs: number;
  readonly reaped: number;
  readonly met: number;
  readonly wrong: readonly string[];
}

/** Its forks share what it wrote; the OOM killer spares it. */
function maker(machine: Machine): Process {
  const process = machine.spawn();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  for (let at = 0; at < PAGES; at += 8) {
    const prot = PROT_READ | PROT_WRITE;
    process.mmap(START + at * PAGE_SIZE, 8 * PAGE_SIZE, prot, flags, -1, 0);
    process.setAnonName(START + at * PAGE_SIZE, 8 * PAGE_SIZE, `part ${at}`);
  }
  for (let page = 0; page < PAGES; page++) process.store(START + page * PAGE_SIZE, page);
  process.setOomScoreAdj(-1000);
  return process;
}

async function live(machine: Machine): Promise<Counts[]> {
  const makers = [maker(machine), maker(machine)];
  const slots = new Int32Array(new SharedArrayBuffer(64));
  const status = new Int32Array(new SharedArrayBuffer(4)).fill(makers.length);
  const job = {
    shared: machine.share(),
    rounds: ROUNDS,
    slots,
    status,
    start: START,
    pages: PAGES,
  };
  const reports = ROLES.map(async (role, i) => {
    const workerData = { ...job, role, seed: SEED + i, id: makers[i]?.id ?? 0 };
    const worker = new Worker(new URL('./tasks.worker.mjs', import.meta.url), { workerData });
    const [report] = (await once(worker, 'message')) as [Counts];
    return report;
  });
  const counts = await Promise.all(reports);
  for (const process of makers) process.exit();
  return counts;
}

it.each(['tree-limit', 'xa-zero'] as const)(
  `X-8 S3-5 S3-6 all are waited for, and all is freed; %s, SEED=${SEED}`,
  async (forkRecovery) => {
    const machine = Machine.create({ bytes: 64 * 2 ** 20, protocol: { forkRecovery } });
    const counts = await live(machine);
    const sum = (name: Exclude<keyof Counts, 'wrong'>): number =>
      counts.reduce((total, report) => total + report[name], 0);
    expect(counts.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(sum('waited')).toBe(sum('made'));
    if (forkRecovery === 'tree-limit') expect(sum('met'), 'no walker met a mark').toBe(0);
    for (const name of ['made', 'killed', 'refused', 'execs', 'reaped'] as const) {
      expect(sum(name), name).toBeGreaterThan(0);
    }
    machine.tearDown();
  },
);
