import { describe, expect, it } from 'vitest';
import {
  alloc,
  Atomics,
  check,
  choice,
  explore,
  loadPublished,
  mergeReports,
  prove,
} from './index.ts';
import {
  replay,
  reportDocument,
  reportText,
  shared,
  spinWhile,
  type Results,
  type Scenario,
} from './index.ts';
import type { PerThread } from './per_thread.ts';

type Body = (words: Int32Array) => unknown;

const scenario = (
  threads: Record<string, Body>,
  rest: Partial<Scenario<Int32Array>> = {},
): Scenario<Int32Array> => ({
  name: 'words',
  setup: () => shared(new Int32Array(8)),
  threads,
  nameOf: (at) => ['a', 'b', 'c', 'd'][at],
  ...rest,
});

const increment: Body = (w) => Atomics.store(w, 0, Atomics.load(w, 0) + 1);
const lostUpdate = scenario(
  { first: increment, second: increment },
  { final: (w) => (w[0] === 2 ? null : `a is ${w[0]}`) },
);

describe('explore', () => {
  it('X-3 finds a lost update, and shows the shortest way to it', () => {
    const report = explore(lostUpdate);
    expect(report.counterexample?.text).toBe(
      [
        'words: violation: a is 1',
        '',
        '    first        second',
        '  1 load a = 0',
        '    -- switch to second --',
        '  2              load a = 0',
        '  3              store a = 1 (was 0)',
        '    -- switch to first --',
        '  4 store a = 1',
        '',
        'violation: a is 1',
        '1 preemptions, and none with fewer.',
        'replay: words::0*1,1*2,0*1',
      ].join('\n'),
    );
  });

  it('says what was covered', () => {
    const report = explore(scenario({ first: (w) => Atomics.add(w, 0, 1), second: increment }));
    expect(report).toMatchObject({ isExhausted: true, executions: 3, finals: 2, deepest: 3 });
    expect(reportText(report)).toMatch(/nothing wrong. every schedule covered: 3 executions/u);
  });

  it('says when its budget was spent', () => {
    const report = explore(scenario({ first: increment, second: increment }), { executions: 2 });
    expect(report.isExhausted).toBe(false);
    expect(reportText(report)).toMatch(/NOT every schedule: the budget is spent/u);
    expect(() => prove(scenario({ a: increment, b: increment }), { executions: 2 })).toThrow(
      /NOT every schedule/u,
    );
  });

  it('tells of each choice and each allocation that fails', () => {
    const seen = new Set<string>();
    const report = explore(
      scenario(
        { only: () => `${choice(3)} ${alloc() ? 'ok' : 'ENOMEM'}` },
        { final: (_, { only }) => void seen.add(String(only)) },
      ),
    );
    expect(report).toMatchObject({ isExhausted: true, executions: 6 });
    expect(seen.size).toBe(6);
  });

  it.each(['random', 'pct'] as const)('finds a bug by %s, the same one from a seed', (strategy) => {
    const run = () => explore(lostUpdate, { strategy, seed: 5, shrink: false });
    expect(run().counterexample?.failure.message).toBe('a is 1');
    expect(run()).toMatchObject({ seed: 5, executions: run().executions });
  });

  it('divides a search among shards', () => {
    const three = scenario({ x: increment, y: increment, z: increment });
    const whole = explore(three);
    const shards = [0, 1, 2].map((index) => explore(three, { shard: { index, of: 3 } }));
    const merged = mergeReports(shards);
    expect(merged.isExhausted).toBe(true);
    expect(merged.finals).toBeGreaterThanOrEqual(whole.finals);
    expect(shards.every(({ executions }) => executions > 0)).toBe(true);
    expect(() => mergeReports(shards.slice(1))).toThrow(/are not the 3 shards/u);
  });

  it('finds in one of the shards what is to be found', () => {
    const shards = [0, 1, 2].map((index) =>
      explore(
        { ...lostUpdate, threads: { ...lostUpdate.threads, other: increment } },
        {
          shard: { index, of: 3 },
        },
      ),
    );
    expect(mergeReports(shards).counterexample?.failure.message).toMatch(/a is/u);
  });

  it('sees every state with an invariant, also those that no thread can tell', () => {
    const twoWords = scenario(
      { first: (w) => Atomics.store(w, 0, 1), second: (w) => Atomics.store(w, 1, 1) },
      { invariant: (w) => (w[1] === 1 && w[0] === 0 ? 'b before a' : null) },
    );
    expect(explore(twoWords).counterexample?.failure).toMatchObject({
      message: 'b before a',
      at: 1,
    });
  });

  it('leaves out the operations that a failure does not take', () => {
    const read = { name: 'read', run: (w: Int32Array) => Atomics.load(w, 1) };
    const bump = { name: 'bump', run: increment };
    const report = explore({
      ...lostUpdate,
      threads: { first: [read, bump, read], second: [read, bump] },
      final: (w, results) => (w[0] === results['first']?.length ? null : 'lost'),
    });
    expect(report.counterexample?.without.length).toBeGreaterThan(0);
    expect(report.counterexample?.schedule).toMatch(/^words::-/u);
  });

  it('shows operations with their results', () => {
    const bump = { name: 'bump', run: increment };
    const report = explore({ ...lostUpdate, threads: { first: [bump], second: [bump] } });
    expect(report.counterexample?.text).toMatch(/> bump\n[^]*< bump = 1/u);
  });

  it('gives a document for other programs', () => {
    expect(reportDocument([explore(lostUpdate)])).toMatchObject({
      ok: false,
      summary: { scenarios: 1, violations: 1, races: 0, exhausted: 0 },
    });
  });
});

describe('replay', () => {
  it('X-2 follows a schedule that somebody has edited', () => {
    const { failure, text } = replay(lostUpdate, 'words::0*2,1*2');
    expect(failure).toBe(null);
    expect(text).toContain('store a = 2');
  });

  it('says at which step it cannot', () => {
    expect(replay(lostUpdate, 'words::0*3,1*5').problem).toBe(
      'step 3 of the schedule: thread 0 cannot run.',
    );
    expect(replay(lostUpdate, 'words::0*2,1*5').problem).toBe(
      'the execution is over after 4 steps, the schedule is not.',
    );
    expect(replay(lostUpdate, 'words::?1').problem).toMatch(/comes where none is chosen/u);
    expect(() => replay(lostUpdate, 'words::0x2')).toThrow(/"0x2" in a schedule: write 0\*5/u);
    expect(() => replay(lostUpdate, '0*2')).toThrow(/is no schedule/u);
  });

  it('follows choices', () => {
    const chooses = scenario({ only: (w) => Atomics.store(w, 0, choice(4)) });
    expect(replay(chooses, 'words::0*1,?3').text).toContain('store a = 3');
  });
});

describe('sleeping', () => {
  const sleeper: Body = (w) => Atomics.wait(w, 0, 0);

  it('is for ever when nobody wakes: a lost wake-up', () => {
    const report = explore(scenario({ sleeper, waker: (w) => Atomics.notify(w, 0) }));
    expect(report.counterexample?.failure).toMatchObject({
      kind: 'deadlock',
      message: 'nobody is left to wake: sleeper sleeps on a',
    });
  });

  it('ends in the order in which it began', () => {
    const order = scenario(
      {
        x: (w) => (Atomics.wait(w, 0, 0) === 'ok' ? Atomics.add(w, 1, 1) : -1),
        y: (w) => (Atomics.wait(w, 0, 0) === 'ok' ? Atomics.add(w, 1, 1) : -1),
        waker(w) {
          spinWhile(w, 2, 0);
          check(Atomics.notify(w, 0, 1) === 1, 'one sleeps');
          Atomics.store(w, 0, 1);
          Atomics.notify(w, 0, 1);
        },
        starter: (w) => Atomics.store(w, 2, 1),
      },
      {},
    );
    expect(explore(order).counterexample?.failure.message).toMatch(/one sleeps|sleeps on/u);
  });

  it('may time out, or not', () => {
    const seen = new Set<unknown>();
    const timed = scenario(
      { sleeper: (w) => Atomics.wait(w, 0, 0, 10), waker: (w) => Atomics.notify(w, 0) },
      { final: (_, results) => void seen.add(results['sleeper']?.[0]) },
    );
    expect(explore(timed).isExhausted).toBe(true);
    expect(seen).toEqual(new Set(['ok', 'timed-out']));
  });

  it('is for ever when a thread spins on a word that stays', () => {
    const report = explore(scenario({ spinner: (w) => spinWhile(w, 0, 0) }));
    expect(report.counterexample?.failure.message).toContain('spinner spins on a');
  });
});

describe('plain accesses', () => {
  const publish = (store: Body, load: Body): Scenario<Int32Array> =>
    scenario({
      writer(w) {
        w[0] = 7;
        store(w);
      },
      reader: (w) => (load(w) === 1 ? check(w[0] === 7, 'stale') : undefined),
    });
  const atomicStore: Body = (w) => Atomics.store(w, 1, 1);

  it('are ordered by an atomic load of what was stored after them', () => {
    const report = prove(publish(atomicStore, (w) => Atomics.load(w, 1)));
    expect(report.isExhausted).toBe(true);
  });

  it('are ordered by a published load', () => {
    prove(publish(atomicStore, (w) => loadPublished(w, 1)));
  });

  it('X-6 race when a plain store publishes them', () => {
    const racy = publish(
      (w) => (w[1] = 1),
      (w) => Atomics.load(w, 1),
    );
    expect(explore(racy).counterexample?.failure).toMatchObject({
      kind: 'race',
      message: 'race on b: nothing orders a plain store by writer and this atomic load by reader',
    });
  });

  it('of different bytes of a word do not race', () => {
    const bytes: Scenario<Uint8Array> = {
      name: 'bytes',
      setup: () => shared(new Uint8Array(4)),
      threads: { x: (b) => (b[0] = 1), y: (b) => (b[1] = 2) },
      final: (b) => (b[0] === 1 && b[1] === 2 ? null : 'a byte was lost'),
    };
    prove(bytes);
    expect(
      explore({ ...bytes, threads: { x: (b) => (b[1] = 1), y: (b) => (b[1] = 2) } }),
    ).toMatchObject({ counterexample: { failure: { kind: 'race' } } });
  });

  it('of doubles are those of both words', () => {
    const doubles: Scenario<Float64Array> = {
      name: 'doubles',
      setup: () => shared(Float64Array.of(1.5, 0)),
      threads: { x: (d) => (d[1] = (d[0] ?? 0) * 2) },
      final: (d) => (d[1] === 3 ? null : `it is ${d[1]}`),
    };
    expect(prove(doubles).steps).toBe(4);
  });
});

describe('a shared view', () => {
  it('has the methods of the view', () => {
    const methods: Scenario<Int16Array> = {
      name: 'methods',
      setup: () => shared(new Int16Array(8)),
      threads: {
        only(v) {
          v.set([5, 3, 4], 1);
          v.fill(7, 6);
          v.copyWithin(4, 1, 3);
          v.subarray(1, 4).sort();
          return [v.join(), v.length, v.at(-1), v.slice(1, 3).join(), [...v].length, v.includes(9)];
        },
      },
      final: (v, { only }) => (v[3] === 5 ? null : String(only)),
    };
    expect(explore(methods).counterexample?.text).toBe(undefined);
    const all = (_: Int16Array, results: Results): string => String(results['only']?.[0]);
    expect(explore({ ...methods, final: all }).counterexample?.failure.message).toBe(
      '0,3,4,5,5,3,7,7,8,7,3,4,8,false',
    );
  });

  it('is refused to Atomics when they do not take it', () => {
    const floats = { name: 'f', setup: () => new Float32Array(1) as unknown as Int32Array };
    const report = explore({ ...floats, threads: { x: (v: Int32Array) => Atomics.load(v, 0) } });
    expect(report.counterexample?.failure.message).toMatch(
      /Float32Array: the checker has Atomics/u,
    );
  });

  it.each([
    [Uint32Array, 0xffffffff],
    [Int8Array, -1],
    [Uint8Array, 255],
    [Int16Array, -1],
    [Uint16Array, 65535],
  ])('of %o has its own numbers', (View, value) => {
    const view = new View(4);
    const answers = (v: typeof view): number[] => [
      Atomics.sub(v, 1, 1),
      Atomics.load(v, 1),
      Atomics.compareExchange(v, 1, value, 5),
      Atomics.exchange(v, 1, 6),
      Atomics.xor(v, 1, 3),
      Atomics.load(v, 1),
      Atomics.load(v, 0),
    ];
    const final = (_: typeof view, { x }: Results): string => String(x?.[0]);
    const report = explore({ name: 'n', setup: () => view, threads: { x: answers }, final });
    expect(report.counterexample?.failure.message).toBe(`0,${value},${value},5,6,5,0`);
  });
});

describe('perThread', () => {
  it('gives each thread its own fields, from the start of each run', () => {
    const own = { id: 0, list: null as number[] | null };
    const take =
      (id: number): Body =>
      (w) => {
        check(own.id === 0, 'left over from another thread');
        own.id = id;
        for (let i = 0; i < 2; i++) Atomics.add(w, 0, 1);
        check(own.id === id, 'changed by another thread');
      };
    prove(
      scenario(
        { x: take(1), y: take(2) },
        {
          setup(perThread: PerThread) {
            perThread.add(own);
            return new Int32Array(4);
          },
        },
      ),
    );
  });
});
