/**
 * A thread that may not sleep, such as a browser's main thread, makes calls while it is alone, and
 * beside others only what waits for nobody. Here it is a worker whose Atomics.wait throws.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { EAGAIN, EDEADLK, Machine } from '../../src/index.ts';

/** Runs a scenario of page.worker.mjs, which also tears the machine down. @returns what it saw. */
async function run(scenario: string): Promise<unknown> {
  const url = new URL('./page.worker.mjs', import.meta.url);
  const worker = new Worker(url, { workerData: { scenario } });
  const [said] = (await once(worker, 'message')) as [unknown];
  await worker.terminate();
  return said;
}

afterEach(() => void vi.unstubAllGlobals());

const BESIDE_OTHERS =
  /^This thread may not sleep, .* make the call in a worker, or end them first/u;

interface Outcomes {
  readonly refused: readonly string[];
  readonly wrong: readonly string[];
  readonly done: readonly string[];
}

it('beside others every call is refused before it has touched anything, but for these', async () => {
  const { ofMachine, ofProcess, ...rest } = (await run('beside')) as {
    ofMachine: Outcomes;
    ofProcess: Outcomes;
  };
  const counters = ['protocol', 'report', 'vmstat', 'sysctl', 'setSysctl', 'trace', 'readTrace'];
  expect(ofMachine.done.toSorted()).toEqual([...counters, 'share', 'worker'].toSorted());
  expect(ofMachine.wrong.toSorted()).toEqual(['pread', 'punchHole', 'pwrite']);
  expect(ofMachine.refused.length).toBeGreaterThan(15);
  expect(ofProcess.done.toSorted()).toEqual(['glimpse', 'id', 'isAlive']);
  expect(ofProcess.wrong.toSorted(), 'no such argument').toEqual(['pkeyAlloc', 'pkeyFree']);
  expect(ofProcess.refused.length).toBeGreaterThan(60);
  expect(rest).toEqual({
    sentence: expect.stringMatching(BESIDE_OTHERS) as string,
    isUntouched: true,
    locks: [],
    loaded: 7,
  });
});

it('alone, what waits for an event says that there is nobody to bring it', async () => {
  expect(await run('events')).toEqual({
    waited: [EDEADLK, EDEADLK, true, 0],
    faults: [EDEADLK, 'BUS_ADRERR', 'done'],
    execs: [EAGAIN, 0],
  });
});

it('who attaches while it makes calls waits until it is back in its event loop', async () => {
  expect(await run('turns')).toEqual({
    attachedEarly: 0,
    refused: expect.stringMatching(BESIDE_OTHERS) as string,
    number: expect.any(Number) as number,
    loaded: 2,
  });
});

it('another one that may not sleep does not attach meanwhile, and neither calls beside it', async () => {
  expect(await run('another')).toEqual({
    inTurn: expect.stringMatching(
      /^This thread may not sleep, and another one .* attach in a w/u,
    ) as string,
    refused: expect.stringMatching(BESIDE_OTHERS) as string,
    left: true,
    loaded: 1,
  });
});

it('bury() waits for no lock, though a second dead worker has it', async () => {
  expect(await run('burials')).toEqual({
    locks: [[], ['queue of a userfaultfd']],
    touched: 'done',
  });
});

it('glimpse() sees no gap while another worker replaces mappings, or nothing', async () => {
  const { whole, torn, ...rest } = (await run('glimpses')) as { whole: number; torn: number };
  expect(rest).toEqual({ isSame: true, gaps: 0, ofTheDead: null });
  expect(whole + torn).toBeGreaterThan(0);
});

it('a page that its server has not isolated is told what is missing', () => {
  vi.stubGlobal('SharedArrayBuffer', undefined);
  expect(() => Machine.create()).toThrow(
    /Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/u,
  );
  expect(() => Machine.attach({} as never)).toThrow(/^This page may not share memory/u);
});
