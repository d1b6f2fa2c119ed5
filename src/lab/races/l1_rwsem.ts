/** The readers-writer lock by itself, with its line of waiters, step by step. */
import { takeWords } from '../../engine/arena/arena.ts';
import { H_TICKETS } from '../../engine/arena/layout.ts';
import { setWord, word } from '../../engine/arena/memory.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import * as atomics from '#atomics';
import { MMAP_LOCK } from '../../engine/sync/lock_class.ts';
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  upRead,
  upWrite,
} from '../../engine/sync/rwsem.ts';
import type { Operation } from '../check/scenario.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';

export interface Semaphore {
  readonly sem: WordAt;
  /** Two words that are equal whenever nobody writes, and so accessed plainly. */
  readonly pair: WordAt;
  /** How many say that they are inside. */
  readonly told: WordAt;
  /** Whether the killable writer is to die. */
  readonly doomed: WordAt;
  /** How many have looked at the lock from their place in the line. */
  readonly looked: WordAt;
}

export function semaphoreWords(): Semaphore {
  const sem = takeWords(64);
  return { sem, pair: sem + 16, told: sem + 32, doomed: sem + 48, looked: sem + 49 };
}

export type Act = Operation<Semaphore>;

export const changePair = ({ pair }: Semaphore): void => {
  setWord(pair, word(pair) + 1);
  setWord(pair + 1, word(pair + 1) + 1);
};
const isWhole = ({ pair }: Semaphore): boolean => word(pair) === word(pair + 1);

export const write: Act = {
  name: 'write',
  run(state) {
    downWrite(state.sem, MMAP_LOCK);
    changePair(state);
    upWrite(state.sem);
    return true;
  },
};

const read: Act = {
  name: 'read',
  run(state) {
    downRead(state.sem, MMAP_LOCK);
    const whole = isWhole(state);
    upRead(state.sem);
    return whole;
  },
};

const tryRead: Act = {
  name: 'try to read',
  run(state) {
    if (!downReadTrylock(state.sem, MMAP_LOCK)) return true;
    const whole = isWhole(state);
    upRead(state.sem);
    return whole;
  },
};

/** Writes, and stays as a reader. @returns whether nobody else has written meanwhile. */
const writeAndRead: Act = {
  name: 'write, downgrade, read',
  run(state) {
    downWrite(state.sem, MMAP_LOCK);
    changePair(state);
    const wrote = word(state.pair);
    downgradeWrite(state.sem);
    const found = word(state.pair);
    upRead(state.sem);
    return found === wrote;
  },
};

/** Says that somebody is inside, and stays until `count` are. */
function meetInside({ told }: Semaphore, count: number): void {
  atomics.add(told, 1);
  atomics.wakeAll(told);
  for (let here = atomics.load(told); here < count; here = atomics.load(told)) {
    atomics.wait(told, here);
  }
}

const readTogether: Act = {
  name: 'read together',
  run(state) {
    downRead(state.sem, MMAP_LOCK);
    meetInside(state, 2);
    upRead(state.sem);
    return true;
  },
};

/** Of who begins with the lock: lets readers in, and stays until there is one. */
const downgradeAndMeet: Act = {
  name: 'downgrade, read together',
  run(state) {
    downgradeWrite(state.sem);
    meetInside(state, 2);
    upRead(state.sem);
    return true;
  },
};

export type Threads = ArenaScenario<Semaphore>['threads'];
type Final = ArenaScenario<Semaphore>['final'];

const allTrue: Final = (_state, results) => {
  const wrong = Object.entries(results).find(([, [result]]) => result !== true);
  return wrong === undefined ? null : `the ${wrong[0]} found what another writer has changed`;
};

const locked = (threads: Threads, mutant?: Mutant, final = allTrue): ArenaScenario<Semaphore> => ({
  scheduler: { restsOnLocks: false },
  setup: semaphoreWords,
  threads,
  final,
  ...(mutant === undefined ? {} : { mutant }),
});

/** The same, beginning while the first thread holds the lock. */
export const held = (down: typeof downRead, threads: Threads, mutant?: Mutant) => ({
  ...locked(threads, mutant),
  setup() {
    const state = semaphoreWords();
    down(state.sem, MMAP_LOCK);
    setWord(H_TICKETS, 1); // so that no ticket is 0
    return state;
  },
});

const WRITERS: Threads = { first: [write], second: [write] };
const DOWNGRADE: Threads = { writer: [writeAndRead], other: [write] };
const LET_IN: Threads = { writer: [downgradeAndMeet], reader: [readTogether] };

export const L1_RWSEM: Race = {
  name: 'l1-rwsem',
  ids: ['X-1', 'X-10'],
  story:
    'Readers and writers of a semaphore: a writer is alone, and nobody sleeps while it is free.',
  variants: [
    holds('two writers', locked(WRITERS)),
    holds('reader and writer', locked({ writer: [write], reader: [read] })),
    holds('reader that tries', locked({ writer: [write], reader: [tryRead] })),
    holds('readers together', locked({ reader: [readTogether], other: [readTogether] })),
    breaks('NO_RWSEM_WAKE', locked(WRITERS, 'NO_RWSEM_WAKE')),
    breaks('RWSEM_WAKE_BEFORE_FREE', locked(WRITERS, 'RWSEM_WAKE_BEFORE_FREE')),
    breaks('WAKE_EPOCH_TOO_LATE', locked(WRITERS, 'WAKE_EPOCH_TOO_LATE')),
    holds('downgrade', locked(DOWNGRADE)),
    breaks('DOWNGRADE_IN_TWO_STEPS', locked(DOWNGRADE, 'DOWNGRADE_IN_TWO_STEPS')),
    holds('downgrade lets a reader in', held(downWrite, LET_IN)),
    breaks('NO_DOWNGRADE_WAKE', held(downWrite, LET_IN, 'NO_DOWNGRADE_WAKE')),
  ],
};
