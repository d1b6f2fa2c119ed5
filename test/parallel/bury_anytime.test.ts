/** Workers that are ended at any moment of any call, and others that go on. */
import { once } from 'node:events';
import { env } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { word } from '../../src/engine/arena/memory.ts';
import { mmMmapLockAt } from '../../src/engine/mm/mm_struct.ts';
import { pollStateSynchronizeRcu, startPollSynchronizeRcu } from '../../src/engine/rcu/rcu.ts';
import { Machine } from '../../src/index.ts';
import { mmOf } from '../pictures.ts';

const ROUNDS = 8;
const SEED = Number(env['SEED'] ?? Date.now() % 1000);

it(`P2-6 from SEED=${SEED}: whatever a worker was doing, nobody waits for it afterwards`, async () => {
  let machine = Machine.create({ bytes: 16 * 2 ** 20 });
  for (let round = 0; round < ROUNDS; round++) {
    // What the dead was changing may be half done: each has a process of its own.
    const process = machine.spawn();
    const shared = machine.reserve();
    const workerData = { shared, id: process.id, mm: mmOf(process), job: 'calls' };
    const worker = new Worker(new URL('./bury.worker.mjs', import.meta.url), { workerData });
    await once(worker, 'message');
    await sleep(5 + ((SEED * (round + 3) * 7) % 40));
    await worker.terminate();
    const burial = machine.bury(shared.worker);
    expect(burial?.worker).toBe(shared.worker);
    const last = burial?.locks.join();
    expect(word(mmMmapLockAt(mmOf(process))), last).toBe(0);
    expect(pollStateSynchronizeRcu(startPollSynchronizeRcu()), last).toBe(true);
    expect(machine.report().caches.length).toBeGreaterThan(0);
    // A list that all processes share may be torn: then only looking is safe.
    if (burial?.locks.some((name) => !/ for (?:read|write)$/u.test(name)) === true) {
      machine = Machine.create({ bytes: 16 * 2 ** 20 });
    }
    // Calls of all kinds on another process meet no lock that nobody holds.
    const other = machine.spawn();
    const at = other.mmap(0, 8 * 4096, 3, 0x22, -1, 0);
    other.store(at, round);
    const child = other.fork();
    if (typeof child === 'number') throw new Error(`fork gave ${child}`);
    child.exit();
    expect(other.load(at)).toBe(round);
    other.verify();
    other.exit();
  }
});
