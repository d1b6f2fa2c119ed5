import { execFileSync } from 'node:child_process';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Atomics, prove, type Scenario } from '../../src/lab/check/index.ts';

describe('the example', () => {
  const path = fileURLToPath(new URL('../../examples/check/lock.mjs', import.meta.url));

  it('finds both bugs, and proves the repaired lock', () => {
    const out = execFileSync(execPath, [path], { encoding: 'utf8' });
    expect(out).toContain('lock (racy): race: race on count');
    expect(out).toContain('replay: lock:racy:0*1,1*4,0*1');
    expect(out).toContain('lock (never wakes): deadlock: nobody is left to wake: second sleeps');
    expect(out).toContain('lock (repaired): nothing wrong. every schedule covered');
  });
});

describe('prove, in a test', () => {
  const counter = (next: (w: Int32Array) => unknown): Scenario<Int32Array> => ({
    name: 'counter',
    setup: () => new Int32Array(1),
    threads: { first: next, second: next },
    final: (w) => (Atomics.load(w, 0) === 2 ? null : `counted ${Atomics.load(w, 0)} of 2`),
    nameOf: () => 'count',
  });

  it('passes what is right', () => {
    prove(counter((w) => Atomics.add(w, 0, 1)));
  });

  it('fails with the trace', () => {
    const racy = counter((w) => Atomics.store(w, 0, Atomics.load(w, 0) + 1));
    expect(() => prove(racy)).toThrow(
      /counted 1 of 2[^]*-- switch to second --[^]*replay: counter/u,
    );
  });
});
