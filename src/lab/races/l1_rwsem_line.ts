/** The line of those who wait for a semaphore: who goes in next, who gives up, who is passed. */
import * as atomics from '#atomics';
import { scheduled } from '#shadow';
import { cpuOf } from '../../engine/arena/cpu.ts';
import { C_WAIT_TICKET } from '../../engine/arena/layout.ts';
import { MMAP_LOCK } from '../../engine/sync/lock_class.ts';
import { downRead, downWrite, downWriteUnless, upRead, upWrite } from '../../engine/sync/rwsem.ts';
import { wakeInLine } from '../../engine/sync/wait_line.ts';
import { Passing } from './passing.ts';
import { breaks, holds, type Race } from './race.ts';
import { type Act, changePair, held, type Threads } from './l1_rwsem.ts';

/** The same act, begun once another thread has taken its ticket. */
const afterTicket = (thread: number, { name, run }: Act): Act => ({
  name,
  run(state) {
    scheduled()?.rest(cpuOf(thread) + C_WAIT_TICKET, 0);
    return run(state);
  },
});

/** The same act, begun once `count` have looked in vain, and are about to sleep. */
const afterLooks = (count: number, { name, run }: Act): Act => ({
  name,
  run(state) {
    for (let looked = 0; looked < count; looked = atomics.load(state.looked)) {
      scheduled()?.rest(state.looked, looked);
    }
    return run(state);
  },
});

/** Takes it for write, saying when it is about to sleep in line for the first time, and stays. */
const stay: Act = {
  name: 'enter as writer',
  run(state) {
    let hasLooked = false;
    downWriteUnless(state.sem, MMAP_LOCK, () => {
      if (!hasLooked) atomics.add(state.looked, 1);
      hasLooked = true;
      return false;
    });
    return true;
  },
};

const writeAfterLook: Act = {
  name: 'write',
  run(state) {
    stay.run(state);
    changePair(state);
    upWrite(state.sem);
    return true;
  },
};

/** Goes in, and stays. */
const enter: Act = {
  name: 'enter as reader',
  run({ sem }) {
    downRead(sem, MMAP_LOCK);
    return true;
  },
};

// The first thread begins with the lock.

const release: Act = {
  name: 'release',
  run({ sem }) {
    upWrite(sem);
    return true;
  },
};

const releaseRead: Act = {
  name: 'release as reader',
  run({ sem }) {
    upRead(sem);
    return true;
  },
};

/** Has the second thread die in line, and stays inside. */
const kill: Act = {
  name: 'kill',
  run(state) {
    atomics.store(state.doomed, 1);
    wakeInLine(cpuOf(1));
    return true;
  },
};

/** Gives up once it is told to die. */
const writeUnlessKilled: Act = {
  name: 'write, killable',
  run(state) {
    let hasLooked = false;
    const isDoomed = (): boolean => {
      if (!hasLooked) atomics.add(state.looked, 1);
      hasLooked = true;
      return atomics.load(state.doomed) !== 0;
    };
    if (!downWriteUnless(state.sem, MMAP_LOCK, isDoomed)) return true;
    changePair(state);
    upWrite(state.sem);
    return true;
  },
};

const WRITERS: Threads = {
  holder: [afterLooks(2, release)],
  first: [writeAfterLook],
  second: [afterLooks(1, writeAfterLook)],
};
const MIXED: Threads = {
  holder: [afterTicket(2, releaseRead)],
  writer: [writeAfterLook],
  reader: [afterLooks(1, enter)],
};
const TOGETHER: Threads = {
  writer: [afterTicket(2, release)],
  reader: [enter],
  other: [afterTicket(1, enter)],
};
const KILLED: Threads = {
  holder: [afterLooks(1, kill)],
  killed: [writeUnlessKilled],
  reader: [afterLooks(1, enter)],
};

export const L1_RWSEM_LINE: Race = {
  name: 'l1-rwsem-line',
  ids: ['X-1', 'X-10'],
  story: 'One stands in line for a semaphore, another comes, and its holder leaves: each gets in.',
  variants: [
    holds('writers', held(downWrite, WRITERS)),
    holds('writer, reader', held(downRead, MIXED)),
    breaks('ONLY_HEAD_WOKEN', held(downWrite, TOGETHER, 'ONLY_HEAD_WOKEN')),
    holds('killed', held(downRead, KILLED)),
    breaks('NO_WAKE_ON_GIVING_UP', held(downRead, KILLED, 'NO_WAKE_ON_GIVING_UP')),
  ],
};

/** Writes if it need not wait. */
const writeIfFree: Act = {
  name: 'write if it is free',
  run(state) {
    if (!downWriteUnless(state.sem, MMAP_LOCK, () => true)) return true;
    upWrite(state.sem);
    return true;
  },
};

/** Who stands in line may not be passed once it has slept; in the end it stays inside. */
const fair = (mutant?: 'NO_HANDOFF') => ({
  ...held(downWrite, { passer: [afterLooks(1, release), writeIfFree], waiter: [stay] }, mutant),
  scheduler: { restsOnLocks: false, passes: 0 },
  witness: ({ sem }: { readonly sem: number }) => new Passing(sem, 1, 0),
});

export const L1_RWSEM_FAIR: Race = {
  name: 'l1-rwsem-fair',
  ids: ['X-1', 'X-10'],
  story: 'A writer comes again while another one is the first in line, and has been passed enough.',
  variants: [holds('handoff', fair()), breaks('NO_HANDOFF', fair('NO_HANDOFF'))],
};
