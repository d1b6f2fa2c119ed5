/** Three workers make random calls on one process; what they leave is whole. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { Machine } from '../../src/index.ts';

const WORKERS = 3;
const CALLS = 15_000;
const SEED = Number(process.env['SEED'] ?? 1);

it(`X-8 X-9 random calls from ${WORKERS} workers leave every invariant, and nothing else; SEED=${SEED}`, async () => {
  const machine = Machine.create({ sysctl: { totalram_pages: 1e9 } });
  const shared = machine.share();
  const subject = machine.spawn();
  const ended = Array.from({ length: WORKERS }, (_, i) => {
    const workerData = { shared, id: subject.id, calls: CALLS, seed: SEED * 1000 + i };
    const worker = new Worker(new URL('./calls.worker.mjs', import.meta.url), { workerData });
    return new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  });
  expect(await Promise.all(ended)).toEqual([0, 0, 0]);

  subject.verify();
  expect(subject.mapCount()).toBeGreaterThan(0);
  subject.exit();
  machine.tearDown(); // throws when anything is left
});
