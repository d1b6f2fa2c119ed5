/**
 * Three workers execute programs at once, in children of one process whose memory all of them
 * change. No two start at the same place, and nothing is left.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { load, makeElf } from '../exec/elf_maker.ts';

const START = 0x200000000000;
const PAGES = 16;
const WORKERS = 3;
const EXECS = 150;
const LOADER = '/loader';

const SEGMENTS = [
  load({ vaddr: 0n, filesz: 0x900n }),
  load({ vaddr: 0x2000n, offset: 0x1000n, flags: 6, filesz: 0x800n, memsz: 0x3000n }),
];
const NAME = load({ type: 3, offset: 0x800n, vaddr: 0n, filesz: BigInt(LOADER.length + 1) });
const made = { type: 3, entry: 0x40n, size: 0x3000 };

it('X-9 X-16 exec: three workers at once leave every invariant, and nothing else', async () => {
  const machine = Machine.create({ seed: 1 });
  const parent = machine.spawn();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  parent.mmap(START, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
  const strings = [{ at: 0x800, text: `${LOADER}\0` }];
  const job = {
    shared: machine.share(),
    id: parent.id,
    start: START,
    pages: PAGES,
    execs: EXECS,
    program: machine.open({
      kind: 'regular',
      path: '/program',
      contents: makeElf({ ...made, phdrs: [NAME, ...SEGMENTS], strings }),
    }),
    loader: machine.open({
      kind: 'regular',
      path: LOADER,
      contents: makeElf({ ...made, phdrs: SEGMENTS }),
    }),
  };
  const reports = await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const worker = new Worker(new URL('./exec.worker.mjs', import.meta.url), { workerData: job });
      const [report] = (await once(worker, 'message')) as [{ wrong: string[]; places: string[] }];
      return report;
    }),
  );
  expect(reports.flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(new Set(reports.flatMap(({ places }) => places)).size).toBe(WORKERS * EXECS);
  parent.verify();
  parent.exit();
  machine.tearDown();
});
