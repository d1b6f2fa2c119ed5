/** Read-copy-update by itself: what a reader may have found is not used again before it leaves. */
import * as atomics from '#atomics';
import { takeWords } from '../../engine/arena/arena.ts';
import { setWord, word } from '../../engine/arena/memory.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import {
  pollStateSynchronizeRcu,
  rcuReadLock,
  rcuReadUnlock,
  startPollSynchronizeRcu,
} from '../../engine/rcu/rcu.ts';
import type { Operation } from '../check/scenario.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';

/** One word points to either of two, whose contents are accessed plainly. */
interface Published {
  readonly root: WordAt;
  readonly old: WordAt;
  readonly fresh: WordAt;
}

type Act = Operation<Published>;

const VALUE = 7;
const REUSED = -1;

const look = ({ root }: Published): number => word(atomics.rcuDereference(root));

const read: Act = {
  name: 'read',
  run(state) {
    rcuReadLock();
    const first = look(state);
    const second = look(state);
    rcuReadUnlock();
    return first === VALUE && second === VALUE;
  },
};

/** With a section inside the section. */
const readNested: Act = {
  name: 'read in two sections',
  run(state) {
    rcuReadLock();
    const found = atomics.rcuDereference(state.root);
    rcuReadLock();
    rcuReadUnlock();
    const value = word(found);
    rcuReadUnlock();
    return value === VALUE;
  },
};

/** Replaces the old one, and uses its memory for something else if the readers are gone. */
const replace: Act = {
  name: 'replace',
  run({ root, old, fresh }) {
    setWord(fresh, VALUE);
    atomics.store(root, fresh);
    const cookie = startPollSynchronizeRcu();
    if (pollStateSynchronizeRcu(cookie)) setWord(old, REUSED);
    return true;
  },
};

/** What another writer replaces needs a grace period of its own. */
const otherGracePeriod: Act = {
  name: 'another grace period',
  run() {
    startPollSynchronizeRcu();
    return true;
  },
};

type Threads = ArenaScenario<Published>['threads'];

const published = (threads: Threads, mutant?: Mutant): ArenaScenario<Published> => ({
  setup() {
    const root = takeWords(64);
    const state = { root, old: root + 16, fresh: root + 32 };
    setWord(root, state.old);
    setWord(state.old, VALUE);
    return state;
  },
  threads,
  ...(mutant === undefined ? {} : { mutant }),
  final: (_state, results) =>
    Object.values(results).flat().includes(false)
      ? 'a reader found what was already used for something else'
      : null,
});

const ONE: Threads = { reader: [read], writer: [replace] };
const TWO: Threads = { reader: [read], other: [read], writer: [replace] };
const NESTED: Threads = { reader: [readNested], writer: [replace] };

export const L1_RCU: Race = {
  name: 'l1-rcu',
  ids: ['X-1', 'X-10', 'S0-1'],
  story: 'Readers look at what a writer replaces, and then uses again after a grace period.',
  variants: [
    holds('one reader', published(ONE)),
    holds('a reader that comes again', published({ reader: [read, read], writer: [replace] })),
    holds('two readers', published(TWO)),
    holds('nested', published(NESTED)),
    holds('two grace periods', published({ ...ONE, other: [otherGracePeriod] })),
    breaks('EPOCH_ANNOUNCED_PLAINLY', published(ONE, 'EPOCH_ANNOUNCED_PLAINLY')),
    breaks('NO_NEW_EPOCH', published(ONE, 'NO_NEW_EPOCH')),
    breaks('FEWER_CPUS_POLLED', published(TWO, 'FEWER_CPUS_POLLED')),
    breaks('NESTED_UNLOCK_ENDS', published(NESTED, 'NESTED_UNLOCK_ENDS')),
  ],
};
