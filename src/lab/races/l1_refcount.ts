/** A count of references by itself: who takes it to zero is the last, and nobody comes after. */
import { takeWords } from '../../engine/arena/arena.ts';
import { setWord, word } from '../../engine/arena/memory.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import { refcountDecAndTest, refcountIncNotZero } from '../../engine/sync/refcount.ts';
import type { Operation } from '../check/scenario.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';

interface Counted {
  readonly refs: WordAt;
  /** What the references keep: 1 while it is there, and so accessed plainly. */
  readonly thing: WordAt;
}

function put({ refs, thing }: Counted): void {
  if (refcountDecAndTest(refs)) setWord(thing, word(thing) - 1);
}

/** Drops the reference that it began with. */
const drop: Operation<Counted> = { name: 'put', run: put };

/** @returns whether the thing was there while a reference was held. */
const take: Operation<Counted> = {
  name: 'get, look, put',
  run(counted) {
    if (!refcountIncNotZero(counted.refs)) return true;
    const isThere = word(counted.thing) === 1;
    put(counted);
    return isThere;
  },
};

const THREADS = { owner: [drop], taker: [take], other: [take] };

const counting = (threads: ArenaScenario<Counted>['threads']): ArenaScenario<Counted> => ({
  setup() {
    const refs = takeWords(64);
    setWord(refs, 1);
    setWord(refs + 16, 1);
    return { refs, thing: refs + 16 };
  },
  threads,
  final({ thing }, results) {
    if (word(thing) !== 0) return `it has been freed ${1 - word(thing)} times`;
    return Object.values(results).flat().includes(false) ? 'it was gone while it was held' : null;
  },
});

export const L1_REFCOUNT: Race = {
  name: 'l1-refcount',
  ids: ['X-1', 'X-10'],
  story: 'The last reference is dropped while others try to take one.',
  variants: [
    holds('one', counting({ owner: [drop], taker: [take] })),
    holds('two', counting(THREADS)),
    breaks('INC_WITHOUT_CAS', { ...counting(THREADS), mutant: 'INC_WITHOUT_CAS' }),
  ],
};
