/** The spinlock by itself, step by step: who takes it together, and who is left asleep. */
import { takeWords } from '../../engine/arena/arena.ts';
import { setWord, word } from '../../engine/arena/memory.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import { CACHE_DEPOT_LOCK } from '../../engine/sync/lock_class.ts';
import { spinLock, spinTryLock, spinUnlock } from '../../engine/sync/spinlock.ts';
import type { Operation } from '../check/scenario.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';

interface Counted {
  readonly lock: WordAt;
  /** Under it, and so accessed plainly. */
  readonly count: WordAt;
}

const countedWords = (): Counted => {
  const lock = takeWords(64);
  return { lock, count: lock + 16 };
};

const countUp = ({ count }: Counted): void => setWord(count, word(count) + 1);

const add: Operation<Counted> = {
  name: 'add',
  run(counted) {
    spinLock(counted.lock, CACHE_DEPOT_LOCK);
    countUp(counted);
    spinUnlock(counted.lock);
  },
};

/** @returns whether it got the lock. */
const tryToAdd: Operation<Counted> = {
  name: 'try to add',
  run(counted) {
    if (!spinTryLock(counted.lock, CACHE_DEPOT_LOCK)) return false;
    countUp(counted);
    spinUnlock(counted.lock);
    return true;
  },
};

type Threads = ArenaScenario<Counted>['threads'];
const TWO: Threads = { first: [add], second: [add] };

const counting = (threads: Threads, mutant?: Mutant): ArenaScenario<Counted> => ({
  scheduler: { restsOnLocks: false },
  setup: countedWords,
  threads,
  ...(mutant === undefined ? {} : { mutant }),
  final({ lock, count }, results) {
    const adds = Object.values(results).flat();
    const added = adds.filter((result) => result !== false).length;
    if (word(count) !== added) return `${added} have counted, and the count is ${word(count)}`;
    return word(lock) === 0 ? null : 'the lock is not free at the end';
  },
});

export const L1_SPINLOCK: Race = {
  name: 'l1-spinlock',
  ids: ['X-1', 'X-10'],
  story: 'Workers count under one spinlock: no two are inside, and nobody sleeps while it is free.',
  variants: [
    holds('two', counting(TWO)),
    holds('two that come again', counting({ first: [add, add], second: [add] })),
    holds('three', counting({ ...TWO, third: [add] })),
    holds('one tries', counting({ ...TWO, third: [tryToAdd] })),
    breaks('NO_SPIN_WAKE', counting(TWO, 'NO_SPIN_WAKE')),
    breaks('SPIN_WAKE_BEFORE_FREE', counting(TWO, 'SPIN_WAKE_BEFORE_FREE')),
    breaks('SPIN_NOT_MARKED', counting(TWO, 'SPIN_NOT_MARKED')),
  ],
};
