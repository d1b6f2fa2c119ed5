import { execFileSync } from 'node:child_process';
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import { alloc, Atomics, explore, type FailureKind, type Scenario } from './index.ts';

type Body = (words: Int32Array) => unknown;

const failureOf = (threads: Record<string, Body>, rest: Partial<Scenario<Int32Array>> = {}) => {
  const report = explore(
    { name: 'bad', setup: () => new Int32Array(4), threads, nameOf: (at) => 'abcd'[at], ...rest },
    { maxSteps: 500, executions: 2000 },
  );
  return report.counterexample ?? expect.fail('nothing was found');
};

let fromOutside = 0;

function throwAsIs(what: unknown): never {
  // oxlint-disable-next-line typescript/only-throw-error -- what is tested is that some do
  throw what;
}

const BAD: Record<string, [FailureKind, RegExp, Record<string, Body>]> = {
  'a loop that tries until another thread has run': [
    'endless',
    /more than 500 accesses, the last by spinner: .* sleep with wait\(\), or spin/u,
    {
      spinner: (w) => {
        while (Atomics.load(w, 0) === 0);
      },
      other: (w) => Atomics.store(w, 0, 1),
    },
  ],
  'allocations without end': [
    'endless',
    /more than 500 accesses/u,
    {
      greedy: () => {
        while (alloc());
        while (!alloc() || alloc());
      },
    },
  ],
  chance: [
    'nondeterminism',
    /x (?:did another one|was|ended)|and when it was run again/u,
    {
      x: (w) => {
        for (let i = 0; i < 9; i++) Atomics.load(w, Math.trunc(Math.random() * 4));
      },
      y: (w) => {
        for (let i = 0; i < 4; i++) Atomics.store(w, i, 1);
      },
    },
  ],
  'state outside that survives': [
    'nondeterminism',
    /did another one|run again/u,
    {
      x(w) {
        for (let i = 0; i < 3; i++) Atomics.load(w, fromOutside++ % 4);
      },
      y(w) {
        for (let i = 0; i < 4; i++) Atomics.store(w, i, 1);
      },
    },
  ],
  'an error': [
    'error',
    /^TypeError: nothing here$/u,
    {
      x: (w) => {
        Atomics.load(w, 0);
        throw new TypeError('nothing here');
      },
      y: (w) => Atomics.load(w, 0),
    },
  ],
  'something thrown that is no error': ['error', /^17$/u, { x: () => throwAsIs(17) }],
  'a catch that keeps everything': [
    'swallowed',
    /a catch in x kept what the checker threw/u,
    {
      x: (w) => {
        try {
          Atomics.load(w, 0);
          Atomics.store(w, 0, 2);
        } catch {
          /* kept */
        }
      },
      y: (w) => {
        Atomics.store(w, 0, 1);
        Atomics.store(w, 0, 1);
      },
    },
  ],
  'a catch that keeps everything, and tries again': [
    'swallowed',
    /a catch in x kept/u,
    {
      x(w) {
        for (;;) {
          try {
            return Atomics.load(w, 0) + Atomics.load(w, 0);
          } catch {
            /* kept */
          }
        }
      },
      y: (w) => {
        Atomics.store(w, 0, 1);
        Atomics.store(w, 0, 0);
      },
    },
  ],
  'a thread that is left waiting': [
    'deadlock',
    /nobody is left to wake: x sleeps on c/u,
    { x: (w) => Atomics.wait(w, 2, 0) },
  ],
  'an index outside its view': [
    'error',
    /^RangeError: index 9 is outside a view of 4 elements.$/u,
    { x: (w) => Atomics.load(w, 9) },
  ],
  'a plain store that is not told of': [
    'unseen',
    /^a was changed by a store that the checker did not see: give threads shared\(view\)/u,
    { x: (w) => (w[0] = 1) },
  ],
  waitAsync: ['error', /threads under test are synchronous/u, { x: () => Atomics.waitAsync() }],
};

describe('a scenario with', () => {
  it.each(Object.entries(BAD))('%s', (_, [kind, message, threads]) => {
    const { failure, text, schedule } = failureOf(threads);
    expect(failure.kind).toBe(kind);
    expect(failure.message).toMatch(message);
    expect(schedule).toMatch(/^bad::/u);
    expect(text).not.toMatch(/\bat .*\.ts:\d+/u);
  });

  it('finally blocks with accesses has nothing wrong', () => {
    const guarded: Body = (w) => {
      while (Atomics.compareExchange(w, 0, 0, 1) !== 0) Atomics.wait(w, 0, 1);
      try {
        return Atomics.store(w, 1, Atomics.load(w, 1) + 1);
      } finally {
        Atomics.store(w, 0, 0);
        Atomics.notify(w, 0, 1);
      }
    };
    const report = explore({
      name: 'finally',
      setup: () => new Int32Array(4),
      threads: { x: guarded, y: guarded, z: guarded },
      final: (w) => (Atomics.load(w, 1) === 3 ? null : 'an increment is lost'),
    });
    expect(report).toMatchObject({ isExhausted: true, counterexample: null });
  });

  it('no thread, or too many, is refused', () => {
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`t${i}`, () => 0]));
    for (const threads of [{}, many]) {
      expect(() => explore({ name: 'n', setup: () => 0, threads })).toThrow(
        /threads; 1 to 7 can be/u,
      );
    }
  });

  it('a buffer whose length is no multiple of 4 is refused', () => {
    const setup = (): Uint8Array => {
      const bytes = new Uint8Array(7);
      Atomics.load(bytes, 0);
      return bytes;
    };
    expect(() => explore({ name: 'n', setup, threads: { x: () => 0 } })).toThrow(/multiple of 4/u);
  });
});

it('runs where there is no SharedArrayBuffer', () => {
  const bundle = new URL('../../../dist/bundle/check.js', import.meta.url).href;
  const program = `
    const bundle = '${bundle}';
    delete globalThis.SharedArrayBuffer;
    delete globalThis.process;
    const { Atomics, explore } = await import(bundle);
    const bump = (w) => Atomics.store(w, 0, Atomics.load(w, 0) + 1);
    const final = (w) => (Atomics.load(w, 0) === 2 ? null : 'lost');
    const setup = () => new Int32Array(1);
    console.log(explore({ name: 'x', setup, threads: { a: bump, b: bump }, final }).counterexample.schedule);
  `;
  const out = execFileSync(execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(out.trim()).toBe('x::0*1,1*2,0*1');
});
