/** One worker unmaps, another sleeps until it hears of it. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  ENOMEM,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  O_CLOEXEC,
  PROT_READ,
  PROT_WRITE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/index.ts';

const P = 4096;
const START = 0x200000000000;
const PAGES = 3000;

it('X-8 a reader that sleeps hears of every unmapping, once and after it', async () => {
  const machine = Machine.create();
  const process = machine.spawn();
  const fd = process.userfaultfd(O_CLOEXEC);
  process.uffdApi(fd, UFFD_FEATURE_EVENT_UNMAP);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  process.mmap(START, PAGES * P, PROT_READ | PROT_WRITE, flags, -1, 0);
  process.uffdRegister(fd, START, PAGES * P, UFFDIO_REGISTER_MODE_MISSING);

  const workerData = { shared: machine.share(), id: process.id, fd, events: PAGES };
  const worker = new Worker(new URL('./userfaultfd.worker.mjs', import.meta.url), { workerData });
  const report = once(worker, 'message');
  const ended = once(worker, 'exit');
  for (let page = 0; page < PAGES; page++) {
    // The queue is full: the reader must have its turn.
    while (process.munmap(START + page * P, P) === ENOMEM) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  expect(await report).toEqual([{ pages: PAGES, wrong: 0 }]);
  await ended;
  process.verify();
  process.exit();
  machine.tearDown();
});
