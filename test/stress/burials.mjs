// Workers that are ended in the middle, and buried, while the others go on.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { randomFrom } from '../parallel/random.mjs';
import { doomedOrder } from './scene.mjs';

const URL_OF_WORKER = new URL('./doomed.worker.mjs', import.meta.url);
/** What all processes share: the dead may have left it torn, and then the machine is at its end. */
const SHARED = /^(?:list of|depot of|table of)/u;

/** Starts one beside the others; it runs when this returns. */
export async function startDoomed(scene, seed) {
  const order = doomedOrder(scene);
  const worker = new Worker(URL_OF_WORKER, { workerData: { ...order, seed } });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
  await Promise.race([once(worker, 'message'), failed]);
  return { worker, failed, number: order.shared.worker, life: 1 + randomFrom(seed)(40) };
}

/** Lets it live for its time, ends and buries it. @returns what it left. */
export async function endDoomed(scene, { worker, failed, number, life }) {
  await Promise.race([sleep(life), failed]);
  const exited = once(worker, 'exit');
  await worker.terminate();
  await exited;
  const burial = scene.machine.bury(number);
  if (burial === null) throw new Error(`worker ${number} had not been there`);
  return { ...burial, isTorn: burial.locks.some((name) => SHARED.test(name)) };
}
