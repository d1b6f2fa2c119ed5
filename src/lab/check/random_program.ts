/**
 * Random small programs, on which one search is compared with another. Each thread computes with
 * what it sees, so that what it saw shows in its result.
 */
import type { Random } from '../oracle/random.ts';
import { Atomics } from './atomics.ts';
import { alloc, choice, loadPublished, spinWhile } from './demands.ts';
import { shared } from './plain_view.ts';
import type { Scenario } from './scenario.ts';

const WORDS = 3;
/** The lock of those threads that have one, and a word that they access plainly under it. */
const LOCK = 3;
const PLAIN = 4;

type OperationName =
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'or'
  | 'exchange'
  | 'cas'
  | 'wait'
  | 'waitFor'
  | 'notify'
  | 'spin'
  | 'choice'
  | 'alloc'
  | 'published'
  | 'plain';

const WEIGHTS: Readonly<Record<OperationName, number>> = {
  load: 6,
  store: 6,
  add: 3,
  sub: 2,
  or: 1,
  exchange: 2,
  cas: 5,
  wait: 3,
  waitFor: 1,
  notify: 4,
  spin: 1,
  choice: 1,
  alloc: 1,
  published: 1,
  plain: 1,
};

interface Instruction {
  readonly name: OperationName;
  readonly at: number;
  readonly a: number;
  readonly b: number;
}

interface Words {
  readonly words: Int32Array;
  readonly plain: Int32Array;
}

/** A program of 2 or 3 threads. */
export function randomProgram(random: Random, name: string): Scenario<Words> {
  const count = random.chance(0.35) ? 3 : 2;
  const length = count === 3 ? 2 : 4;
  const threads = Array.from({ length: count }, (_, i) => {
    const usesLock = random.chance(0.3);
    const size = usesLock ? length - 1 : length;
    const program = Array.from({ length: 1 + random.below(size) }, () => randomInstruction(random));
    const run = (state: Words): number => runThread(state, program, i + 1, usesLock);
    return [`t${i}`, run] as const;
  });
  return {
    name,
    setup() {
      const words = new Int32Array(WORDS + 2);
      return { words, plain: shared(words) };
    },
    threads: Object.fromEntries(threads),
  };
}

function randomInstruction(random: Random): Instruction {
  return {
    name: random.weighted(WEIGHTS),
    at: random.below(WORDS),
    a: random.below(3),
    b: random.below(3),
  };
}

function runThread(
  state: Words,
  program: readonly Instruction[],
  seed: number,
  usesLock: boolean,
): number {
  const { words, plain } = state;
  let seen = seed;
  if (usesLock) {
    while (Atomics.compareExchange(words, LOCK, 0, -1) !== 0) Atomics.wait(words, LOCK, -1);
    plain[PLAIN] = (plain[PLAIN] ?? 0) * 3 + seed;
  }
  for (const instruction of program) {
    seen = (seen * 7 + runInstruction(state, instruction, seen) + 11) % 97;
    // Which word is looked at next depends on what was seen.
    if (seen % 5 === 0) seen = (seen + Atomics.load(words, Math.abs(seen) % WORDS)) % 97;
  }
  if (usesLock) {
    seen += (plain[PLAIN] ?? 0) % 13;
    Atomics.store(words, LOCK, 0);
    Atomics.notify(words, LOCK, 1);
  }
  return seen;
}

const WAITED = ['ok', 'not-equal', 'timed-out'];

function runInstruction({ words, plain }: Words, { name, at, a, b }: Instruction, seen: number) {
  switch (name) {
    case 'load':
      return Atomics.load(words, at);
    case 'store':
      return Atomics.store(words, at, Math.abs(a + seen) % 3);
    case 'add':
      return Atomics.add(words, at, a);
    case 'sub':
      return Atomics.sub(words, at, a);
    case 'or':
      return Atomics.or(words, at, a);
    case 'exchange':
      return Atomics.exchange(words, at, b);
    case 'cas':
      return Atomics.compareExchange(words, at, a, b + 1);
    case 'wait':
      return WAITED.indexOf(Atomics.wait(words, at, a));
    case 'waitFor':
      return WAITED.indexOf(Atomics.wait(words, at, a, 10));
    case 'notify':
      return Atomics.notify(words, at, 1 + b);
    case 'spin':
      return spinWhile(words, at, a);
    case 'choice':
      return choice(a + 1);
    case 'alloc':
      return alloc() ? 3 : 5;
    case 'published':
      return loadPublished(words, at);
    case 'plain':
      return (plain[PLAIN] = a);
  }
}
