/** A cache of objects by itself: free lists, the depot that workers share, batches under RCU. */
import * as atomics from '#atomics';
import { takeWords } from '../../engine/arena/arena.ts';
import { setWord, word } from '../../engine/arena/memory.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { NULL, type Ref, type WordAt } from '../../engine/arena/ref.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import {
  type Cache,
  cacheAlloc,
  cacheFree,
  cacheFreeRcu,
  cacheKind,
} from '../../engine/slab/cache.ts';
import type { Operation } from '../check/scenario.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';

type Thing = Ref<'thing'>;

/** Of a number that no cache of the engine has. */
const THINGS: Cache<'thing'> = cacheKind({ name: 'thing', id: 31, words: 8, link: 7 });

interface Things {
  /** Points to one of them. */
  readonly root: WordAt;
  /** The first thread has it, and a free list that is full. */
  readonly spare: Thing;
}

type Act = Operation<Things>;

const VALUE = 7;
/** Most that a worker keeps free for itself, and as many as a chunk has. */
const KEPT = 512;

const make = (value: number): Thing => {
  const thing = cacheAlloc(THINGS) as Thing;
  setWord(thing, value);
  return thing;
};

/** @returns an object that nobody else has. */
const alloc: Act = { name: 'alloc', run: () => make(VALUE) };

/** Its free list is too long now: a batch goes to the depot. */
const spill: Act = {
  name: 'free',
  run({ spare }) {
    cacheFree(THINGS, spare);
    return NULL;
  },
};

/** Replaces what is published, and frees it under RCU. */
const replace: Act = {
  name: 'replace',
  run({ root, spare }) {
    const old = atomics.rcuDereference(root) as Thing;
    setWord(spare, VALUE);
    atomics.store(root, spare);
    cacheFreeRcu(THINGS, old);
    return NULL;
  },
};

/** Takes and keeps what is free, and writes to it. */
const use: Act = { name: 'alloc', run: () => make(0) };

const read: Act = {
  name: 'read',
  run({ root }) {
    rcuReadLock();
    const value = word(atomics.rcuDereference(root));
    rcuReadUnlock();
    return value === VALUE ? NULL : `read ${value}`;
  },
};

type Threads = ArenaScenario<Things>['threads'];

/** Whether the first thread begins with a full list of free objects, or an empty one. */
type Begin = 'full' | 'empty';

const things = (threads: Threads, begin: Begin, mutant?: Mutant): ArenaScenario<Things> => ({
  setup() {
    const root = takeWords(64);
    const spare = make(0);
    setWord(root, make(VALUE));
    const left = begin === 'full' ? KEPT : KEPT - 2;
    const others = Array.from({ length: left }, () => make(0));
    if (begin === 'full') {
      // What is left of the second chunk is not in the way.
      for (let i = 2; i < KEPT; i++) make(0);
      for (const thing of others) cacheFree(THINGS, thing);
    }
    return { root, spare };
  },
  threads,
  ...(mutant === undefined ? {} : { mutant }),
  final(_state, results) {
    const given = Object.values(results)
      .flat()
      .filter((result) => result !== NULL);
    const wrong = given.find((result) => typeof result === 'string');
    if (wrong !== undefined) return `a reader ${wrong}`;
    return new Set(given).size === given.length ? null : 'one object was given out twice';
  },
});

const DEPOT: Threads = { freer: [spill], taker: [alloc], other: [alloc] };
const REUSE: Threads = { writer: [replace, use, use], reader: [read] };

export const L1_SLAB: Race = {
  name: 'l1-slab',
  ids: ['X-1', 'X-5', 'X-10', 'S2-36'],
  story:
    'Workers share the free objects of a cache: none is given out twice, or before its readers left.',
  variants: [
    holds('spill and refill', things({ freer: [spill], taker: [alloc] }, 'full')),
    holds('two refill', things(DEPOT, 'full')),
    breaks('UNLOCKED_DEPOT', things(DEPOT, 'full', 'UNLOCKED_DEPOT')),
    holds('used again after a grace period', things(REUSE, 'empty')),
    breaks('RELEASE_WITHOUT_GRACE', things(REUSE, 'empty', 'RELEASE_WITHOUT_GRACE')),
  ],
};
