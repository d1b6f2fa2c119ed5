/** Functions cannot be shared: a driver means in each worker what that worker registered. */
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { type Driver, ENODEV, VIOLATED_ABSENT, type VmOperations } from '../../src/index.ts';
import { PAGE } from '../pictures.ts';
import { BASE, Stage } from './stage.ts';

interface Answer {
  readonly results: readonly number[];
  readonly log: readonly string[];
  readonly violations: readonly number[];
}

async function elsewhere(isRegistered: boolean): Promise<[Answer, string]> {
  const table: VmOperations = { name: 'shared', close: () => undefined };
  const driver: Driver = {
    name: 'shared driver',
    vmOperations: [table],
    fileOperations: {
      mmapPrepare: (desc) => {
        desc.vmOps = table;
        return 0;
      },
    },
  };
  using stage = new Stage([driver]);
  const fd = stage.open(driver);
  stage.map(fd, 0, 4);
  const { port1, port2 } = new MessageChannel();
  const workerData = {
    port: port2,
    shared: stage.machine.share(),
    id: stage.process.id,
    fd,
    base: BASE,
    isRegistered,
  };
  const url = new URL('./absent.worker.mjs', import.meta.url);
  const worker = new Worker(url, { workerData, transferList: [port2] });
  const exited = once(worker, 'exit');
  const [answer] = (await once(port1, 'message')) as [Answer];
  await exited;
  return [answer, stage.picture(9)];
}

it('a worker that registered the driver uses its own functions for all its VMAs', async () => {
  const [{ results, log, violations }, picture] = await elsewhere(true);
  expect(results).toEqual([BASE + 8 * PAGE, 0, 0]);
  expect(log).toEqual(['hook here', 'close here', 'close here', 'close here']);
  expect(violations).toEqual([]);
  expect(picture).toBe('........A');
});

it('a worker that did not is told ENODEV, cuts nothing, and can still unmap the whole', async () => {
  const [{ results, violations }, picture] = await elsewhere(false);
  expect(results).toEqual([ENODEV, ENODEV, 0]);
  expect(violations, 'close could not be called').toEqual([VIOLATED_ABSENT]);
  expect(picture).toBe('.........');
});
