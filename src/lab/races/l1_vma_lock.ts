/**
 * The lock of one VMA by itself, on an mm that has nothing but its words: how a writer waits for
 * the readers of vm_refcnt; and what is read beside mmap_lock, and asked about afterwards.
 */
import * as atomics from '#atomics';
import { assert } from '../../engine/arena/assert.ts';
import { takeWords } from '../../engine/arena/arena.ts';
import { setWord } from '../../engine/arena/memory.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { NULL, type WordAt } from '../../engine/arena/ref.ts';
import type { Mm, Vma } from '../../engine/mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../../engine/mm/mmap_lock.ts';
import {
  mmapLockSpeculateRetry,
  mmapLockSpeculateTryBegin,
  NO_SPECULATION,
} from '../../engine/mm/speculate.ts';
import { mmLockSeqAt } from '../../engine/mm/mm_struct.ts';
import { VM_NONE, type VmFlags } from '../../engine/mm/vm_flags.ts';
import { vmAreaAlloc } from '../../engine/mm/vma_alloc.ts';
import {
  VMA_DETACHED,
  VMA_LOCKED,
  vmaEndRead,
  vmaMarkAttached,
  vmaMarkDetached,
  vmaStartRead,
  vmaStartWrite,
} from '../../engine/mm/vma_lock.ts';
import { setVmFlags, vmFlags, vmRefcntAt } from '../../engine/mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import type { Operation } from '../check/scenario.ts';
import type { ArenaScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';

interface OneVma {
  readonly mm: Mm;
  readonly vma: Vma;
}

type Act = Operation<OneVma>;

function oneVma(): OneVma {
  const mm = takeWords(128) as Mm;
  const writer = mmapWriteLock(mm);
  const vma = vmAreaAlloc(mm);
  assert(vma !== NULL, 'there is room for a VMA');
  vmaStartWrite(writer, vma);
  vmaMarkAttached(vma);
  mmapWriteUnlock(writer);
  return { mm, vma };
}

/** @returns whether what it read stood still; it may be refused. */
const readOnce: Act = {
  name: 'read',
  run({ mm, vma }) {
    rcuReadLock();
    const read = vmaStartRead(mm, vma);
    rcuReadUnlock();
    if (read === VMA_LOCKED || read === VMA_DETACHED) return true;
    const flags = vmFlags(read);
    const isStable = flags === vmFlags(read);
    vmaEndRead(read);
    return isStable;
  },
};

const change: Act = {
  name: 'change',
  run({ mm, vma }) {
    const writer = mmapWriteLock(mm);
    const marked = vmaStartWrite(writer, vma);
    setVmFlags(marked, (vmFlags(marked) + 1) as VmFlags);
    mmapWriteUnlock(writer);
    return true;
  },
};

/** Detached, it is the writer's own. */
const detach: Act = {
  name: 'detach',
  run({ mm, vma }) {
    const writer = mmapWriteLock(mm);
    const marked = vmaStartWrite(writer, vma);
    vmaMarkDetached(writer, marked);
    setVmFlags(marked, VM_NONE);
    const isAlone = atomics.load(vmRefcntAt(vma)) === 0;
    mmapWriteUnlock(writer);
    return isAlone;
  },
};

type Threads = ArenaScenario<OneVma>['threads'];

const locked = (threads: Threads, mutant?: Mutant): ArenaScenario<OneVma> => ({
  scheduler: { restsOnLocks: false },
  setup: oneVma,
  threads,
  ...(mutant === undefined ? {} : { mutant }),
  final({ vma }, results) {
    const refs = atomics.load(vmRefcntAt(vma));
    if (refs > 1) return `vm_refcnt is ${refs} with nobody inside`;
    return Object.values(results).flat().includes(false) ? 'what is locked has changed' : null;
  },
});

const CHANGE: Threads = { reader: [readOnce], writer: [change] };

export const L1_VMA_LOCK: Race = {
  name: 'l1-vma-lock',
  ids: ['X-1', 'X-10', 'S4-19', 'S4-20'],
  story: 'A writer of a VMA waits for the readers inside, who wake it as they leave.',
  variants: [
    holds('reader', locked(CHANGE)),
    holds('reader that comes again', locked({ reader: [readOnce, readOnce], writer: [change] })),
    holds('detaching', locked({ reader: [readOnce], writer: [detach] })),
    breaks('NO_WRITER_WAKE', locked(CHANGE, 'NO_WRITER_WAKE')),
    breaks('WRITER_EPOCH_TOO_LATE', locked(CHANGE, 'WRITER_EPOCH_TOO_LATE')),
    breaks('WRITER_WAKE_BEFORE_MOVE', locked(CHANGE, 'WRITER_WAKE_BEFORE_MOVE')),
  ],
};

interface Pair {
  readonly mm: Mm;
  /** Two words that a writer changes together, and others read beside it: so by atomics. */
  readonly pair: WordAt;
}

/** @returns whether the two were the same, if nobody wrote meanwhile. */
const speculate: Operation<Pair> = {
  name: 'speculate',
  run({ mm, pair }) {
    const seq = mmapLockSpeculateTryBegin(mm);
    if (seq === NO_SPECULATION) return true;
    const isWhole = atomics.readOnce(pair) === atomics.readOnce(pair + 1);
    return mmapLockSpeculateRetry(mm, seq) || isWhole;
  },
};

const writePair: Operation<Pair> = {
  name: 'write',
  run({ mm, pair }) {
    const writer = mmapWriteLock(mm);
    atomics.add(pair, 1);
    atomics.add(pair + 1, 1);
    mmapWriteUnlock(writer);
    return true;
  },
};

const speculating = (writes: number, mutant?: Mutant): ArenaScenario<Pair> => ({
  setup() {
    const mm = takeWords(192) as Mm;
    setWord(mmLockSeqAt(mm), 2); // 1 would pass for NO_SPECULATION
    return { mm, pair: mm + 128 };
  },
  threads: {
    reader: [speculate],
    writer: Array.from({ length: writes }, () => writePair),
  },
  ...(mutant === undefined ? {} : { mutant }),
  final: (_state, { reader }) =>
    reader?.[0] === true ? null : 'the reader believes what was half written',
});

export const L1_SPECULATE: Race = {
  name: 'l1-speculate',
  ids: ['X-1', 'X-10', 'S2-21'],
  story: 'Who reads beside a writer of mmap_lock notices it by the sequence.',
  variants: [
    holds('one writer', speculating(1)),
    holds('a writer that comes again', speculating(2)),
    breaks('NO_SPECULATION_CHECK', speculating(1, 'NO_SPECULATION_CHECK')),
    breaks('SPECULATION_BESIDE_A_WRITER', speculating(1, 'SPECULATION_BESIDE_A_WRITER')),
  ],
};
