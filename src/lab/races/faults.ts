/** Faults, loads and stores of one thread beside a call of another: what they find is still theirs. */
import * as atomics from '#atomics';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { NULL } from '../../engine/arena/ref.ts';
import { handleMmFault } from '../../engine/fault/handle_mm_fault.ts';
import { vmfAnonPrepare } from '../../engine/fault/vmf.ts';
import type { Mm, Vma } from '../../engine/mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../../engine/mm/mmap_lock.ts';
import { eachVma, lockVmaUnderRcu } from '../../engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../engine/mm/vma_lock.ts';
import { vmAnonVma, vmEnd, vmStart } from '../../engine/mm/vma_struct.ts';
import { pageHas, pageOf, PG_ANON } from '../../engine/page/page_struct.ts';
import { isPtePresent, PTE_NONE, ptePfn } from '../../engine/page/pte.ts';
import { MM_ANONPAGES, mmRssOf } from '../../engine/page/rss.ts';
import { ptePtr } from '../../engine/page/table_struct.ts';
import { FAULT_FLAG_VMA_LOCK, FAULT_FLAG_WRITE } from '../../engine/page/vm_fault.ts';
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, PAGE_SIZE } from '../../index.ts';
import { check } from '../check/demands.ts';
import type { Operation, Results } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { readLocked, restless } from './locked_readers.ts';
import { planted } from './per_vma_lock.ts';
import { breaks, holds, type Race, type RaceVariant } from './race.ts';
import { at, mapFixed, protect, RO, RW, RX, unmap, type World, worldOf } from './world.ts';

const store = (page: number, value: number): Operation<World> => ({
  name: `store to ${page}`,
  run: ({ process }) => process.store(at(page), value),
});

const load = (page: number): Operation<World> => ({
  name: `load from ${page}`,
  run: ({ process }) => process.load(at(page)),
});

const move = (from: number, to: number, flags = 0): Operation<World> => ({
  name: `mremap ${from} to ${to}`,
  run: ({ process }) =>
    process.mremap(at(from), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED | flags, at(to)),
});

/** What a first store under the VMA lock asks for. @returns VM_FAULT_*. */
const prepareAnon = (page: number): Operation<World> => ({
  name: `an anon_vma for ${page}`,
  run: ({ mm }) =>
    underVmaLock(mm, page, (vma) => vmfAnonPrepare({ mm, vma, flags: FAULT_FLAG_VMA_LOCK })),
});

/** A fault under the VMA lock. @returns VM_FAULT_*. */
const fault = (page: number, flags: number): Operation<World> => ({
  name: `${flags === 0 ? 'load' : 'store'} fault of ${page}`,
  run: ({ mm }) =>
    underVmaLock(mm, page, (vma) => handleMmFault(vma, at(page), flags | FAULT_FLAG_VMA_LOCK)),
});

/** What a fault looks at stays the same while it has the VMA: here only a fork would change it. */
const readEntry = (page: number): Operation<World> => ({
  name: `look at the entry of ${page} under the VMA lock`,
  run: ({ mm }) =>
    underVmaLock(mm, page, () => {
      const entry = ptePtr(mm, at(page));
      const before = atomics.load(entry);
      check(atomics.load(entry) === before, 'a fork changes an entry while a fault has its VMA');
      return before;
    }),
});

function underVmaLock(mm: Mm, page: number, body: (vma: Vma) => number): number | null {
  const vma = lockVmaUnderRcu(mm, at(page));
  if (vma === null) return null;
  const result = body(vma);
  vmaEndRead(vma);
  return result;
}

interface Beside {
  readonly picture: string;
  readonly prepare?: (world: World) => void;
  readonly threads: EngineScenario<World>['threads'];
  readonly final?: (world: World, results: Results) => string | null;
}

const beside = ({ picture, prepare, threads, final }: Beside, mutant?: Mutant) =>
  ({
    protocol: {},
    ...planted(mutant),
    scheduler: { rcuBatch: 99 },
    setup(machine) {
      const world = worldOf(machine, picture);
      prepare?.(world);
      return world;
    },
    threads,
    final: (world, results) => restless(world) ?? final?.(world, results) ?? null,
  }) satisfies EngineScenario<World>;

const variants = (scenario: Beside, mutants: readonly Mutant[]): RaceVariant[] => [
  ...mutants.map((mutant) => breaks(mutant, beside(scenario, mutant))),
  holds('refcnt', beside(scenario)),
];

const run =
  (...operations: readonly Operation<World>[]): ((world: World) => void) =>
  (world) => {
    for (const operation of operations) operation.run(world);
  };

function hasPrivatePage(mm: Mm, vma: Vma): boolean {
  for (let addr: number = vmStart(vma); addr < vmEnd(vma); addr += PAGE_SIZE) {
    if (isPrivate(mm, addr)) return true;
  }
  return false;
}

/** Whether a page of the process's own is there. */
function isPrivate(mm: Mm, addr: number): boolean {
  const entry = ptePtr(mm, addr);
  const pte = entry === NULL ? PTE_NONE : atomics.load(entry);
  return isPtePresent(pte) && pageHas(pageOf(ptePfn(pte)), PG_ANON);
}

/** Every page's private memory is found through its VMA's anon_vma. */
function unfindable({ mm }: World): string | null {
  const reader = mmapReadLock(mm);
  const isUnfindable = [...eachVma(reader)].some(
    (vma) => vmAnonVma(vma) === NULL && hasPrivatePage(mm, vma),
  );
  mmapReadUnlock(reader);
  return isUnfindable ? 'a VMA has private pages, and no anon_vma by which they are found' : null;
}

const DONTUNMAP: Beside = {
  picture: 'B',
  prepare: run(store(0, 1)),
  threads: { mover: [move(0, 4, MREMAP_DONTUNMAP)], fault: [store(0, 2)] },
  final: unfindable,
};

const NEIGHBOUR: Beside = {
  picture: '.B',
  prepare: run(
    store(1, 1),
    protect({ page: 1, count: 1 }, RO),
    mapFixed({ page: 0, count: 1 }, RW),
  ),
  threads: { unmapper: [unmap({ page: 1, count: 1 })], fault: [prepareAnon(0)] },
};

const FIRST_STORE: Beside = {
  picture: 'B',
  threads: { changer: [protect({ page: 0, count: 1 }, RX)], fault: [prepareAnon(0)] },
};

const TWO_STORES: Beside = {
  picture: 'BB',
  prepare: run(store(1, 1)),
  threads: { store: [fault(0, FAULT_FLAG_WRITE)], load: [fault(0, 0)] },
  final({ mm }) {
    const isLost =
      mmRssOf(mm, MM_ANONPAGES) !== [0, 1].filter((page) => isPrivate(mm, at(page))).length;
    return isLost ? 'a page that was made for a store is lost' : null;
  },
};

const MOVED: Beside = {
  picture: 'B',
  prepare: run(store(0, 1)),
  threads: { mover: [move(0, 4)], fault: [store(0, 2)] },
  final: ({ process }, results) =>
    results['fault']?.[0] === 0 && process.load(at(4)) !== 2
      ? 'a store that went well is lost in the move'
      : null,
};

/** A written page goes back to its own place, beside one that was never written. */
const MERGED: Beside = {
  picture: '.B',
  prepare: run(store(1, 1), move(1, 4), mapFixed({ page: 0, count: 1 }, RW)),
  threads: { mover: [move(4, 1)], reader: [readLocked(0)] },
  final: unfindable,
};

const UNMAPPED: Beside = {
  picture: 'B...B',
  prepare: run(store(0, 1)),
  threads: { unmapper: [unmap({ page: 0, count: 1 }), store(4, 7)], program: [store(0, 2)] },
  final: ({ process }) =>
    process.load(at(4)) === 7 ? null : "a store goes to what is another page's by now",
};

const SHARED_TABLE: Beside = {
  picture: 'B.B',
  prepare: run(store(0, 1), store(2, 1)),
  threads: { unmapper: [unmap({ page: 0, count: 1 })], program: [store(2, 2)] },
  final: ({ process }) =>
    process.load(at(2)) === 2 ? null : 'a store that went well is lost with its page table',
};

const LOADED: Beside = {
  picture: 'B...B',
  prepare: run(store(0, 1)),
  threads: {
    unmapper: [unmap({ page: 0, count: 1 }), store(4, 7)],
    program: [load(0)],
  },
  final: (_world, results) =>
    results['program']?.[0] === 1 || Number(results['program']?.[0]) < 0
      ? null
      : "a load finds what is another page's by now",
};

/** A child's copy is of one moment: what the parent stores later is the parent's alone. */
const FORKED: Beside = {
  picture: 'B',
  prepare: run(store(0, 1)),
  threads: {
    forker: [{ name: 'fork', run: ({ process }) => process.fork() }],
    fault: [readEntry(0)],
  },
};

const race = (
  name: string,
  ids: readonly string[],
  story: string,
  of: readonly [Beside, readonly Mutant[]],
): Race => ({ name, ids, story, variants: variants(...of) });

export const FAULTS: readonly Race[] = [
  race(
    '002-anon-vma-check',
    ['P2-8'],
    'mremap(MREMAP_DONTUNMAP) takes the anon_vma from a VMA that a fault is about to lock.',
    [DONTUNMAP, ['ANON_VMA_BEFORE_LOCK']],
  ),
  race(
    '002-anon-vma-neighbour',
    ['P2-8'],
    'A first store looks for an anon_vma in a neighbour that is being unmapped: 657b5146955e.',
    [NEIGHBOUR, ['ANON_VMA_WITHOUT_MMAP_LOCK']],
  ),
  race(
    '002-lock-order',
    ['P2-18', 'P2-9'],
    'A fault needs mmap_lock while its VMA lock keeps the writer out: syzbot 159a3ef18940.',
    [FIRST_STORE, ['MMAP_LOCK_UNDER_VMA_LOCK']],
  ),
  race(
    '002-two-faults',
    ['P2-7'],
    'Two threads find a page that is not there yet: one stores, one loads.',
    [TWO_STORES, ['NO_PTE_RECHECK']],
  ),
  race('002-move', ['P2-5'], 'A store meets its page on the way to another address.', [
    MOVED,
    ['NO_MARK_MREMAP'],
  ]),
  race(
    '002-move-merges',
    ['P2-5'],
    'mremap() merges what was written into what was not, while a reader is in it: CVE-2026-23077.',
    [MERGED, ['MERGE_FORGETS_ANON_VMA']],
  ),
  race(
    '002-fork',
    ['P2-5'],
    'fork() copies the pages of a VMA while a fault is in it: fb49c455323f.',
    [FORKED, ['NO_MARK_FORK']],
  ),
  race('002-flush', ['P2-5'], 'munmap() frees the page that a store is on its way to.', [
    UNMAPPED,
    ['NO_FLUSH_BEFORE_FREE', 'FLUSH_WITHOUT_WAIT', 'STORE_UNANNOUNCED'],
  ]),
  race('002-tables', ['P2-5'], 'munmap() frees page tables beside a fault of a neighbour.', [
    SHARED_TABLE,
    ['TABLES_OF_NEIGHBOURS'],
  ]),
  race('002-stale-load', ['P2-5'], 'munmap() frees the page that a load is on its way to.', [
    LOADED,
    ['LOAD_UNCHECKED'],
  ]),
];
