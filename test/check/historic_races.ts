/**
 * Races that Linux had, as small models: the protocol as it was, and as it was repaired. Written
 * from descriptions of the bugs.
 */
import { Atomics, check, type Scenario, violate } from '../../src/lab/check/index.ts';
import * as k from './kernel_words.ts';
import { add, cas, load, store, touch, type Words } from './kernel_words.ts';

export interface HistoricRace {
  readonly name: string;
  /** As it was, which fails, and those repairs that hold; or none that fails: a control. */
  readonly old: readonly Protocol[];
  readonly repaired: readonly Protocol[];
  readonly setup?: (w: Words, protocol: Protocol) => void;
  readonly threads: (protocol: Protocol) => Readonly<Record<string, (w: Words) => void>>;
  /** How it fails. */
  readonly fails: RegExp;
  /** Executions that DPOR needed, at most. */
  readonly most: number;
}

export type Protocol = 'old' | 'hotfix' | 'new';

export const scenarioOf = (
  { name, setup, threads }: HistoricRace,
  protocol: Protocol,
): Scenario<Words> => ({
  name,
  variant: protocol,
  setup() {
    const w = k.freshWords();
    setup?.(w, protocol);
    return w;
  },
  threads: threads(protocol),
  nameOf: k.nameOf,
});

const race = (
  name: string,
  fails: RegExp,
  most: number,
  rest: Pick<HistoricRace, 'threads'> & Partial<HistoricRace>,
): HistoricRace => ({ name, fails, most, old: ['old'], repaired: ['new'], ...rest });

/** munmap and mmap in one: the tree is empty in between, or not. */
const mapFixed = (protocol: Protocol) => (w: Words) => {
  k.mmapWriteLock(w, 1);
  if (protocol === 'old') store(w, k.SLOT, 0);
  add(w, k.EVENT, 1); // makes the new VMA
  store(w, k.SLOT, 2);
  k.mmapWriteUnlock(w, 1);
};

const readRange = (w: Words): void => {
  if (!k.vmaStartRead(w, 1)) return;
  const start = load(w, k.VM_START);
  const end = load(w, k.VM_END);
  check(end - start === 0x1000, `a read-locked VMA shows ${start} to ${end}`);
  k.vmaEndRead(w);
};

const setRange = (w: Words, from: number): void => {
  store(w, k.VM_START, from);
  store(w, k.VM_END, from + 0x1000);
};

/** Finds the VMA of mm 1 under RCU, locks it and looks whether it is the one. */
function lockVmaUnderRcu(w: Words, slot: number, checksMm: boolean): boolean {
  k.rcuReadLock(w);
  const isOurs = load(w, slot) !== 0 && k.vmaStartRead(w, 1);
  if (!isOurs) {
    k.rcuReadUnlock(w);
    return false;
  }
  const isRight =
    load(w, k.DETACHED) === 0 && (!checksMm || load(w, k.VM_MM) === 1) && covers(w, 0x1800);
  if (!isRight) k.vmaEndRead(w);
  k.rcuReadUnlock(w);
  return isRight;
}

const covers = (w: Words, addr: number): boolean =>
  load(w, k.VM_START) <= addr && addr < load(w, k.VM_END);

/** munmap of the VMA from mm 1; its memory becomes a VMA of mm 2 at once. */
const reuse = (from: number, attachesFirst: boolean) => (w: Words) => {
  k.mmapWriteLock(w, 1);
  k.vmaStartWrite(w, 1);
  store(w, k.SLOT, 0);
  store(w, k.DETACHED, 1);
  k.mmapWriteUnlock(w, 1);
  k.mmapWriteLock(w, 2);
  if (attachesFirst) store(w, k.DETACHED, 0);
  store(w, k.VM_LOCK_SEQ, -1);
  store(w, k.VM_MM, 2);
  setRange(w, from);
  if (!attachesFirst) store(w, k.DETACHED, 0);
  store(w, k.SLOT + 1, 1);
  k.mmapWriteUnlock(w, 2);
};

const faultIn = (checksMm: boolean) => (w: Words) => {
  if (!lockVmaUnderRcu(w, k.SLOT, checksMm)) return;
  check(load(w, k.VM_MM) === 1, 'the fault works on a VMA of another mm');
  check(covers(w, 0x1800), 'the locked VMA does not cover the address');
  k.vmaEndRead(w);
};

const READERS_WAIT = 0x100;
const EXCLUDES = 0x1000;
const XA_ZERO = 9;

function walkChild(w: Words): void {
  for (let i = 0; i < 3; i++) {
    const entry = load(w, k.CHILD_TREE + i);
    check(entry === 0 || entry > XA_ZERO, `entry ${entry} of a half-made tree is no VMA`);
  }
}

export const HISTORIC_RACES: readonly HistoricRace[] = [
  race('000 MAP_FIXED shows a gap to an RCU reader', /found no VMA/u, 40, {
    threads: (protocol) => ({
      reader(w) {
        k.rcuReadLock(w);
        check(load(w, k.SLOT) !== 0, 'the reader found no VMA where one always is');
        k.rcuReadUnlock(w);
      },
      mmap: mapFixed(protocol),
    }),
  }),
  race('000 control: not to a reader under mmap_lock', /found no VMA/u, 150, {
    old: [],
    repaired: ['old', 'new'],
    threads: (protocol) => ({
      reader(w) {
        k.mmapReadLock(w, 1);
        check(load(w, k.SLOT) !== 0, 'the reader found no VMA where one always is');
        k.mmapReadUnlock(w, 1);
      },
      mmap: mapFixed(protocol),
    }),
  }),
  race('002 up_read() touches the lock after it let go', /use after free/u, 100, {
    threads: (protocol) => ({
      reader(w) {
        if (cas(w, k.VM_LOCK, 0, 1) !== 0) return;
        if (protocol !== 'old') k.rcuReadLock(w);
        if (add(w, k.VM_LOCK, -1) === READERS_WAIT + 1) {
          touch(w, k.VMA_ALIVE, 'the lock of the VMA, to wake its writer');
          k.wake(w, k.VM_LOCK);
        }
        if (protocol !== 'old') k.rcuReadUnlock(w);
      },
      munmap(w) {
        k.mmapWriteLock(w, 1);
        add(w, k.VM_LOCK, READERS_WAIT);
        k.waitUntil(w, k.VM_LOCK, READERS_WAIT);
        store(w, k.VM_LOCK, 0);
        store(w, k.SLOT, 0);
        if (protocol !== 'old') k.synchronizeRcu(w);
        store(w, k.VMA_ALIVE, 0);
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
  race('002 false unlocked: no second look at the sequence', /shows/u, 60, {
    threads: (protocol) => ({
      reader(w) {
        if (protocol !== 'old') return readRange(w);
        if (load(w, k.VM_LOCK_SEQ) === load(w, k.MM_LOCK_SEQ + 1)) return;
        if (cas(w, k.VM_LOCK, 0, 1) !== 0) return;
        const start = load(w, k.VM_START);
        check(load(w, k.VM_END) - start === 0x1000, 'a read-locked VMA shows half a change');
        k.vmaEndRead(w);
      },
      mprotect(w) {
        k.mmapWriteLock(w, 1);
        k.vmaStartWrite(w, 1);
        setRange(w, 0x5000);
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
  race('002 the sequence moves before the last store', /shows/u, 60, {
    threads: (protocol) => ({
      reader: readRange,
      userfaultRegister(w) {
        k.mmapWriteLock(w, 1);
        k.vmaStartWrite(w, 1);
        const seq = load(w, k.MM_LOCK_SEQ + 1);
        store(w, k.VM_START, 0x5000);
        if (protocol === 'old') store(w, k.MM_LOCK_SEQ + 1, seq + 1);
        store(w, k.VM_END, 0x6000);
        if (protocol !== 'old') store(w, k.MM_LOCK_SEQ + 1, seq + 1);
        k.mmapUnlockOnly(w, 1);
      },
    }),
  }),
  race('002 a sequence of 2 bits comes round while a reader stays', /shows/u, 100, {
    setup(w) {
      w[k.VM_LOCK_SEQ] = 0;
      w[k.MM_LOCK_SEQ + 1] = 1;
    },
    threads: (protocol) => ({
      reader: readRange,
      writers(w) {
        const mask = protocol === 'old' ? 3 : 0xffff;
        for (let round = 0; round < 3; round++) {
          k.mmapWriteLock(w, 1);
          k.mmapWriteUnlock(w, 1, mask);
        }
        k.mmapWriteLock(w, 1);
        k.vmaStartWrite(w, 1);
        setRange(w, 0x5000);
        k.mmapWriteUnlock(w, 1, mask);
      },
    }),
  }),
  race('003 dup_mmap() fails, and others walk the half-made tree', /half-made/u, 400, {
    repaired: ['hotfix', 'new'],
    setup(w) {
      w[k.MMAP_LOCK + 2] = -1; // the child is being made under its lock
    },
    threads: (protocol) => ({
      fork(w) {
        store(w, k.CHILD_TREE, 11); // the first VMA is copied: the mm gets on the list
        store(w, k.MMLIST, 1);
        // The second one cannot be allocated.
        if (protocol === 'new') {
          for (let i = 0; i < 3; i++) store(w, k.CHILD_TREE + i, 0);
        } else {
          store(w, k.CHILD_TREE + 1, XA_ZERO);
          store(w, k.MMF_UNSTABLE, 1);
        }
        k.mmapUnlockOnly(w, 2);
      },
      swapoff(w) {
        if (load(w, k.MMLIST) === 0) return;
        k.mmapReadLock(w, 2);
        if (protocol !== 'hotfix' || load(w, k.MMF_UNSTABLE) === 0) walkChild(w);
        k.mmapReadUnlock(w, 2);
      },
    }),
  }),
  race('004 reuse: nobody looks at vm_mm', /another mm/u, 100, {
    threads: (protocol) => ({
      fault: faultIn(protocol !== 'old'),
      reuse: reuse(0x1000, false),
    }),
  }),
  race('004 reuse: attached before the fields are set', /cover|another/u, 100, {
    threads: (protocol) => ({
      fault: faultIn(true),
      reuse: reuse(0x9000, protocol === 'old'),
    }),
  }),
  race('004 vma_copy() copies the attached state', /in no tree/u, 100, {
    setup(w) {
      w[k.SLOT] = 0;
      w[k.DETACHED] = 1;
      w[k.VM_MM] = 0;
      w[k.SLOT + 1] = 1; // where the reader found it, before it was freed
    },
    threads: (protocol) => ({
      fault(w) {
        if (!lockVmaUnderRcu(w, k.SLOT + 1, true)) return;
        check(load(w, k.SLOT) !== 0, 'a reader holds the lock of a VMA that is in no tree');
        k.vmaEndRead(w);
      },
      split(w) {
        k.mmapWriteLock(w, 1);
        if (protocol === 'old') store(w, k.DETACHED, 0);
        store(w, k.VM_MM, 1);
        setRange(w, 0x1000);
        if (protocol === 'old') store(w, k.DETACHED, 1);
        k.vmaStartWrite(w, 1);
        store(w, k.SLOT, 1);
        store(w, k.DETACHED, 0);
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
  race('CVE-2025-38554 wakes a waiter of an mm that is gone', /use after free/u, 1500, {
    threads: wakesGoneMm,
  }),
  race('CVE-2023-3269 StackRot: a node is freed beside readers', /use after free/u, 400, {
    threads: (protocol) => ({
      findVma(w) {
        k.mmapReadLock(w, 1);
        if (protocol !== 'old') k.rcuReadLock(w);
        touch(w, k.NODE_ALIVE + load(w, k.SLOT), 'a node, under mmap_read_lock only');
        if (protocol !== 'old') k.rcuReadUnlock(w);
        k.mmapReadUnlock(w, 1);
      },
      expandStack(w) {
        if (protocol === 'old') k.mmapReadLock(w, 1);
        else k.mmapWriteLock(w, 1);
        const node = load(w, k.SLOT);
        store(w, k.SLOT, 2);
        if (protocol === 'old') k.mmapReadUnlock(w, 1);
        else k.mmapWriteUnlock(w, 1);
        k.synchronizeRcu(w);
        store(w, k.NODE_ALIVE + node, 0);
      },
    }),
  }),
  race('131f9eb2b580 a node is kept across rcu_read_unlock()', /use after free/u, 200, {
    threads: (protocol) => ({
      fault(w) {
        k.rcuReadLock(w);
        let node = load(w, k.SLOT);
        touch(w, k.NODE_ALIVE + node, 'a node');
        if (load(w, k.DETACHED) === 1) {
          k.rcuReadUnlock(w);
          k.rcuReadLock(w);
          if (protocol !== 'old') node = load(w, k.SLOT);
          touch(w, k.NODE_ALIVE + node, 'a node of the section before');
        }
        k.rcuReadUnlock(w);
      },
      munmap(w) {
        k.mmapWriteLock(w, 1);
        store(w, k.DETACHED, 1);
        store(w, k.SLOT, 2);
        k.mmapWriteUnlock(w, 1);
        k.synchronizeRcu(w);
        store(w, k.NODE_ALIVE + 1, 0);
      },
    }),
  }),
  race('159a3ef18940 the lock of a VMA, then mmap_lock', /sleeps on/u, 400, {
    threads: (protocol) => ({
      mapsReader(w) {
        if (cas(w, k.VM_LOCK, 0, 1) !== 0) return;
        if (protocol !== 'old') k.vmaEndRead(w);
        k.mmapReadLock(w, 1);
        load(w, k.VM_START);
        k.mmapReadUnlock(w, 1);
        if (protocol === 'old') k.vmaEndRead(w);
      },
      mprotect(w) {
        k.mmapWriteLock(w, 1);
        k.vmaStartWrite(w, 1);
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
  race('657b5146955e anon_vma is looked at before the lock', /neighbours/u, 100, {
    threads: (protocol) => ({
      fault(w) {
        if (protocol === 'old' && load(w, k.ANON_VMA) === 0) return;
        if (!k.vmaStartRead(w, 1)) return;
        if (protocol === 'old' || load(w, k.ANON_VMA) !== 0) {
          if (load(w, k.ANON_VMA) === 0) violate('anon_vma is made with unlocked neighbours');
        }
        k.vmaEndRead(w);
      },
      mremap(w) {
        k.mmapWriteLock(w, 1);
        k.vmaStartWrite(w, 1);
        store(w, k.ANON_VMA, 0);
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
  race('CVE-2023-4611 mbind() without the lock of the VMA', /use after free/u, 100, {
    threads: (protocol) => ({
      fault(w) {
        if (!k.vmaStartRead(w, 1)) return;
        touch(w, k.POLICY_ALIVE + load(w, k.VM_POLICY), 'a memory policy');
        k.vmaEndRead(w);
      },
      mbind(w) {
        k.mmapWriteLock(w, 1);
        if (protocol !== 'old') k.vmaStartWrite(w, 1);
        const policy = load(w, k.VM_POLICY);
        store(w, k.VM_POLICY, 1);
        store(w, k.POLICY_ALIVE + policy, 0);
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
  race('fb49c455323f fork() copies while a fault changes the page', /half a change/u, 100, {
    threads: (protocol) => ({
      fault(w) {
        if (!k.vmaStartRead(w, 1)) return;
        store(w, k.PAGE, 1);
        store(w, k.PAGE + 1, 1);
        k.vmaEndRead(w);
      },
      fork(w) {
        k.mmapWriteLock(w, 1);
        if (protocol !== 'old') k.vmaStartWrite(w, 1);
        const first = load(w, k.PAGE);
        check(first === load(w, k.PAGE + 1), 'the child copied half a change');
        k.mmapWriteUnlock(w, 1);
      },
    }),
  }),
];

/**
 * T1 finds the VMA for mm 1, which T2 unmaps; T3 makes it one of mm 2, unmaps it, and mm 2 goes. T1
 * sees that it is not its own, drops its count, and wakes mm 2's waiter: of an mm that is gone.
 */
function wakesGoneMm(protocol: Protocol): ReturnType<HistoricRace['threads']> {
  const [freed, grabbed] = [k.EVENT, k.EVENT + 1];
  return {
    fault(w) {
      k.rcuReadLock(w);
      if (load(w, k.SLOT) !== 0 && takeReference(w)) dropReference(w, grabbed, protocol);
      k.rcuReadUnlock(w);
    },
    munmap(w) {
      k.mmapWriteLock(w, 1);
      store(w, k.SLOT, 0);
      if (add(w, k.VM_REFCNT, -1) !== 1) {
        add(w, k.VM_REFCNT, EXCLUDES);
        k.waitUntil(w, k.VM_REFCNT, EXCLUDES);
        add(w, k.VM_REFCNT, -EXCLUDES);
      }
      k.mmapWriteUnlock(w, 1);
      store(w, freed, 1);
      k.wake(w, freed);
    },
    reuseAndExit(w) {
      k.waitUntil(w, freed, 1);
      store(w, k.VM_MM, 2);
      store(w, k.VM_REFCNT, 1);
      add(w, k.VM_REFCNT, EXCLUDES); // munmap
      k.waitUntil(w, k.VM_REFCNT, EXCLUDES + 1);
      add(w, k.VM_REFCNT, -EXCLUDES - 1);
      k.waitUntil(w, grabbed, 0); // mmdrop
      store(w, k.MM_ALIVE + 2, 0);
    },
  };
}

/** Unless nobody has one, or readers are excluded. */
function takeReference(w: Words): boolean {
  for (let count = load(w, k.VM_REFCNT); count !== 0 && count < EXCLUDES;) {
    const was = cas(w, k.VM_REFCNT, count, count + 1);
    if (was === count) return true;
    count = was;
  }
  return false;
}

function dropReference(w: Words, grabbed: number, protocol: Protocol): void {
  const grabs = load(w, k.VM_MM) !== 1 && protocol !== 'old';
  if (grabs) add(w, grabbed, 1);
  const mm = load(w, k.VM_MM);
  const left = add(w, k.VM_REFCNT, -1) - 1;
  if (left === EXCLUDES || left === EXCLUDES + 1) {
    touch(w, k.MM_ALIVE + mm, 'the mm whose waiter is woken');
    Atomics.notify(w, k.VM_REFCNT);
  }
  if (!grabs) return;
  add(w, grabbed, -1);
  k.wake(w, grabbed);
}
