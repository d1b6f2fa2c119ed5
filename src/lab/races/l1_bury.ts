/** Locks of a worker that is no more: whoever buries it breaks them, and nobody waits for ever. */
import * as atomics from '#atomics';
import { cpuOf, workerOf } from '../../engine/arena/cpu.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { MMAP_LOCK } from '../../engine/sync/lock_class.ts';
import { downRead, downWrite, downWriteUnless, upRead, upWrite } from '../../engine/sync/rwsem.ts';
import { spinLock, spinUnlock } from '../../engine/sync/spinlock.ts';
import { buryWorker } from '../../engine/task/bury.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { type Act, type Semaphore, semaphoreWords } from './l1_rwsem.ts';
import { breaks, holds, type Race } from './race.ts';

// What has become of the first thread.
const AT_WORK = 0;
const ENDED = 1;
const DONE = 2;

function tell({ told }: Semaphore, what: number): void {
  atomics.store(told, what);
  atomics.wakeAll(told);
}

function hear({ told }: Semaphore): number {
  while (atomics.load(told) === AT_WORK) atomics.wait(told, AT_WORK);
  return atomics.load(told);
}

const buryFirst = () => buryWorker(workerOf(cpuOf(0)));

/** The first thread, which began with a lock, does nothing any more. */
const end: Act = {
  name: 'end',
  run(state) {
    tell(state, ENDED);
    return true;
  },
};

const bury: Act = {
  name: 'bury',
  run(state) {
    hear(state);
    return buryFirst()?.locks.length === 1;
  },
};

const takeSemaphore: Act = {
  name: 'take the semaphore',
  run({ sem }) {
    downWrite(sem, MMAP_LOCK);
    upWrite(sem);
    return true;
  },
};

const takeSpinlock: Act = {
  name: 'take the spinlock',
  run({ sem }) {
    spinLock(sem, MMAP_LOCK);
    spinUnlock(sem);
    return true;
  },
};

class Ended extends Error {}

/** Ends where it stands in line, as a worker that is terminated does. */
const endInLine: Act = {
  name: 'end in line',
  run(state) {
    try {
      downWriteUnless(state.sem, MMAP_LOCK, () => {
        throw new Ended();
      });
      upWrite(state.sem);
      tell(state, DONE);
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
      tell(state, ENDED);
    }
    return true;
  },
};

/** Buries who has ended in line, and then goes where that one would have gone. */
const buryAndWrite: Act = {
  name: 'read, bury, write',
  run(state) {
    downRead(state.sem, MMAP_LOCK);
    const isRight = hear(state) === DONE || buryFirst()?.wasWaiting === true;
    upRead(state.sem);
    return takeSemaphore.run(state) === true && isRight;
  },
};

type Threads = ArenaScenario<Semaphore>['threads'];

/** `begin`: what the first thread holds. */
const buried = (
  begin: (state: Semaphore) => void,
  threads: Threads,
  mutant?: Mutant,
): ArenaScenario<Semaphore> => ({
  scheduler: { restsOnLocks: false },
  setup() {
    const state = semaphoreWords();
    begin(state);
    return state;
  },
  threads,
  ...(mutant === undefined ? {} : { mutant }),
  final({ sem }, results) {
    if (atomics.load(sem) !== 0) return `the lock is not free at the end: ${atomics.load(sem)}`;
    return Object.values(results).flat().includes(false) ? 'not all of it was buried' : null;
  },
});

const semaphore = ({ sem }: Semaphore): void => downWrite(sem, MMAP_LOCK);
const spinlock = ({ sem }: Semaphore): void => spinLock(sem, MMAP_LOCK);
const nothing = (): void => undefined;

const SEMAPHORE: Threads = { dead: [end], undertaker: [bury], waiter: [takeSemaphore] };
const SPINLOCK: Threads = { dead: [end], undertaker: [bury], waiter: [takeSpinlock] };
const LINE: Threads = { dead: [endInLine], undertaker: [buryAndWrite] };

export const L1_BURY: Race = {
  name: 'l1-bury',
  ids: ['X-1', 'X-10'],
  story: 'A worker ends with a lock, or in line for one, while another waits for it.',
  variants: [
    holds('spinlock', buried(spinlock, SPINLOCK)),
    breaks('NO_SPIN_BREAK_WAKE', buried(spinlock, SPINLOCK, 'NO_SPIN_BREAK_WAKE')),
    holds('semaphore', buried(semaphore, SEMAPHORE)),
    breaks('NO_BREAK_WAKE', buried(semaphore, SEMAPHORE, 'NO_BREAK_WAKE')),
    holds('in line', buried(nothing, LINE)),
    breaks('DEAD_STAYS_IN_LINE', buried(nothing, LINE, 'DEAD_STAYS_IN_LINE')),
  ],
};
