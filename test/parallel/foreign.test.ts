/**
 * Seed 003's race with real threads: one forks and fails, another walks the list of address spaces.
 */
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { ENOMEM, Machine, type Manner, type Process } from '../../src/index.ts';

const MET = ['end', 'unstable', 'mark', 'foreign VMA'] as const;
const VMAS = 60;
/** Forks without a meeting after which one is no longer expected. */
const FORKS = 1500;

interface Walk {
  readonly forkRecovery: 'tree-limit' | 'xa-zero';
  readonly manner: Manner;
}

/** Fails forks until the walker has met `awaited`, or for long. @returns what it has met, how often. */
async function walkDuringForks({ forkRecovery, manner }: Walk, awaited: (typeof MET)[number]) {
  const machine = Machine.create({ protocol: { forkRecovery } });
  const process = machine.spawn();
  for (let i = 0; i < VMAS; i++) process.mmap(0x200000000000 + i * 8192, 4096, 3, 0x32, -1, 0);
  const tally = new SharedArrayBuffer(4 * (1 + MET.length));
  const counts = new Int32Array(tally);
  const workerData = { shared: machine.share(), manner, tally, met: MET };
  const worker = new Worker(new URL('./foreign.worker.mjs', import.meta.url), { workerData });
  const ended = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  while (Atomics.load(counts, 1) === 0) await setImmediate();

  for (let i = 0; i < FORKS && Atomics.load(counts, 1 + MET.indexOf(awaited)) === 0; i++) {
    failFork(machine, process, i % VMAS);
  }
  Atomics.store(counts, 0, 1);
  expect(await ended).toBe(0);
  process.verify();
  process.exit();
  machine.tearDown();
  return Object.fromEntries(MET.map((met, i) => [met, counts[1 + i]]));
}

function failFork(machine: Machine, process: Process, after: number): void {
  machine.failFork('vma', after);
  expect(process.fork()).toBe(ENOMEM);
}

it.each(['careless', 'skips-marks'] as const)(
  'S3-5 xa-zero: a %s walker in another worker meets what is not to be looked at',
  async (manner) => {
    const awaited = manner === 'careless' ? 'mark' : 'foreign VMA';
    const met = await walkDuringForks({ forkRecovery: 'xa-zero', manner }, awaited);
    expect(met[awaited]).toBeGreaterThan(0);
  },
);

it('S3-6 xa-zero: a careful walker looks at no such address space', async () => {
  const met = await walkDuringForks({ forkRecovery: 'xa-zero', manner: 'careful' }, 'unstable');
  expect(met).toMatchObject({ mark: 0, 'foreign VMA': 0 });
  expect(met['unstable']).toBeGreaterThan(0);
});

it.each(['careless', 'skips-marks'] as const)(
  'S3-5 tree-limit: a %s walker in another worker meets nothing of the kind',
  async (manner) => {
    const met = await walkDuringForks({ forkRecovery: 'tree-limit', manner }, 'mark');
    expect(met).toMatchObject({ mark: 0, 'foreign VMA': 0 });
  },
);
