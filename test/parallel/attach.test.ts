/** What workers attach with, and what is refused: one sentence each, and nothing is touched. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { CPUS, FORMAT, H_FORMAT, H_MAGIC } from '../../src/engine/arena/layout.ts';
import { Machine, type SharedMachine } from '../../src/index.ts';

const small = (): Machine => Machine.create({ bytes: 4 * 2 ** 20, ramBytes: 2 ** 20 });

/** A copy of a machine's memory, cut or patched; and what attaching to it says. */
function refusal(machine: Machine, change: (words: Int32Array) => void, length?: number): string {
  const from = new Uint8Array(machine.share().buffer);
  const buffer = new SharedArrayBuffer(length ?? from.length);
  new Uint8Array(buffer).set(from.subarray(0, buffer.byteLength));
  change(new Int32Array(buffer));
  const before = Buffer.from(new Uint8Array(buffer));
  let said = 'attached';
  try {
    Machine.attach({ buffer });
  } catch (error) {
    said = `${(error as Error).name}: ${(error as Error).message}`;
  }
  expect(before.equals(new Uint8Array(buffer)), 'nothing is written').toBe(true);
  return said;
}

const asIs = (): void => undefined;

describe('what is no machine is refused', () => {
  it.each([undefined, null, {}, { buffer: null }, { buffer: new ArrayBuffer(8) }])('%j', (what) => {
    expect(() => Machine.attach(what as SharedMachine)).toThrow(/with what share\(\) gave/u);
  });

  it.each([0, 8, 100, 4096, 2 ** 22])('a buffer of %i bytes', (bytes) => {
    const buffer = new SharedArrayBuffer(bytes);
    expect(() => Machine.attach({ buffer })).toThrow(/^This buffer does not hold a machine/u);
  });

  it('a machine of another version, of another build, or cut short', () => {
    const machine = small();
    const { byteLength } = machine.share().buffer;
    expect(refusal(machine, (words) => (words[H_MAGIC] = 7))).toMatch(
      /TypeError: This buffer does/u,
    );
    expect(refusal(machine, (words) => (words[H_FORMAT] = FORMAT - 1))).toBe(
      `TypeError: This machine has format ${FORMAT - 1}; this version of vmaspace attaches to ${FORMAT}.`,
    );
    for (const length of [byteLength - 8, byteLength / 2, 2 ** 20, 8192]) {
      expect(refusal(machine, asIs, length)).toMatch(
        /TypeError: This machine is cut short or torn/u,
      );
    }
    machine.tearDown();
  });
});

describe('places for workers', () => {
  it(`are ${CPUS}; one more is refused, and one that leaves makes room`, () => {
    const machine = small();
    const others = Array.from({ length: CPUS - 1 }, () => Machine.attach(machine.share()));
    const numbers = [machine, ...others].map(({ worker }) => worker);
    expect(new Set(numbers).size).toBe(CPUS);
    expect(() => Machine.attach(machine.share())).toThrow('All 64 places for workers are taken');
    expect(() => machine.reserve()).toThrow('All 64 places for workers are taken');
    const [first, ...rest] = others;
    first?.detach();
    const late = Machine.attach(machine.share());
    expect(numbers).not.toContain(late.worker);
    for (const other of [late, ...rest]) other.detach();
    const process = machine.spawn();
    process.verify();
    process.exit();
    machine.tearDown();
  });

  it('that are reserved are of one worker, once', () => {
    const machine = small();
    const shared = machine.reserve();
    const other = Machine.attach(shared);
    expect(other.worker).toBe(shared.worker);
    expect(() => Machine.attach(shared)).toThrow(`No place is kept for worker ${shared.worker}`);
    other.detach();
    expect(() => Machine.attach(shared)).toThrow(RangeError);
    const late = Machine.attach(machine.share());
    expect(() => Machine.attach({ ...shared, worker: late.worker })).toThrow(RangeError);
    late.detach();
    for (const worker of [-1, 0, 5, 1.5, NaN, 2 ** 40]) {
      expect(() => Machine.attach({ ...shared, worker })).toThrow(`for worker ${worker}`);
    }
    machine.tearDown();
  });

  it('are taken by several threads at once, each by one of them', async () => {
    const machine = Machine.create({ bytes: 16 * 2 ** 20 }); // each place takes some of it
    const process = machine.spawn();
    const threads = 4;
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const workerData = { shared: machine.share(), id: process.id, gate, threads };
    const url = new URL('./attach_at_once.worker.mjs', import.meta.url);
    const answers = await Promise.all(
      Array.from({ length: threads }, async () => {
        const [taken] = (await once(new Worker(url, { workerData }), 'message')) as [Taken];
        return taken;
      }),
    );
    const numbers = answers.flatMap((taken) => taken.numbers);
    expect(numbers.length, 'this thread has one').toBe(CPUS - 1);
    expect(new Set([machine.worker, ...numbers]).size).toBe(CPUS);
    const sentence = 'All 64 places for workers are taken: end one with detach(), or bury()';
    for (const { refused, stored } of answers) {
      expect(refused).toMatchObject({ name: 'RangeError' });
      expect(refused.message).toContain(sentence);
      expect(stored).toEqual(stored.map((_, i) => i));
    }
    process.verify();
    process.exit();
    machine.tearDown();
  });

  it('are given out to real workers in the same way', async () => {
    const machine = small();
    const shared = machine.reserve();
    expect(await answer(shared)).toEqual({ worker: shared.worker });
    expect(await answer(shared)).toMatchObject({ name: 'RangeError' });
    expect(await answer({ buffer: shared.buffer.slice(0, 65536) })).toMatchObject({
      name: 'TypeError',
    });
    machine.tearDown();
  });
});

interface Taken {
  readonly numbers: readonly number[];
  readonly refused: { readonly name: string; readonly message: string };
  readonly stored: readonly number[];
}

/** What a worker says that attaches with `shared`. */
async function answer(shared: unknown): Promise<unknown> {
  const url = new URL('./attach.worker.mjs', import.meta.url);
  const [said] = (await once(new Worker(url, { workerData: shared }), 'message')) as [unknown];
  return said;
}
