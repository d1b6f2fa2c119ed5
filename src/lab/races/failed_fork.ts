/** Seed 003: a fork that fails, at any of its allocations, and those who come by meanwhile. */
import { isErr } from '../../engine/arena/errno.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { NULL } from '../../engine/arena/ref.ts';
import { mmlistNext } from '../../engine/mm/mmlist.ts';
import { mmput } from '../../engine/mm/mm_refs.ts';
import { visitMm } from '../../engine/task/foreign_walk.ts';
import {
  MAP_FIXED,
  MAP_PRIVATE,
  type Manner,
  type MmVisit,
  PAGE_SIZE,
  type Process,
  type Protocol,
} from '../../index.ts';
import type { Operation, Results } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { childrenIn, endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, lookUp, RO, type World, worldOf } from './world.ts';

type Recovery = Protocol['forkRecovery'];

const fork: Operation<World> = { name: 'fork', run: ({ process }) => process.fork() };

/** As swapoff does: by the list of all address spaces, of which the child's is the first. */
const walkChild = (manner: Manner): Operation<World> => ({
  name: `walk of the newest address space, ${manner}`,
  run(world) {
    const mm = mmlistNext(NULL);
    if (mm === NULL) return [];
    const visits = mm === world.mm ? [] : [visitMm(mm, manner)];
    mmput(mm);
    return visits;
  },
});

/** As uprobes do: by the mappings of a file. */
const walkRmap = (manner: Manner): Operation<World> => ({
  name: `walk by the reverse map, ${manner}`,
  run: ({ process }) => process.walkRmap(at(0), manner),
});

const walked = (
  forkRecovery: Recovery,
  walker: Operation<World>,
  mutant?: Mutant,
): EngineScenario<World> => ({
  protocol: { forkRecovery },
  ...planted(mutant),
  setup(machine) {
    machine.failFork('vma', 1);
    return worldOf(machine, 'ABA');
  },
  threads: { forker: [fork], walker: [walker] },
  final: (world, results) =>
    metIn(results) ??
    (forkRecovery === 'tree-limit' ? leftIn(world, results) : null) ??
    endOf(world, results),
});

/** The first VMA is a file's, so that the reverse map has the child's copy. */
const walkedByFile = (forkRecovery: Recovery, walker: Operation<World>): EngineScenario<World> => ({
  ...walked(forkRecovery, walker),
  scheduler: { mayFail: new Set(['vm_area_struct']) },
  setup(machine) {
    const fd = machine.open({ kind: 'regular', path: '/f', size: PAGE_SIZE });
    const world = { ...worldOf(machine, '.B'), files: [fd] };
    world.process.mmap(at(0), PAGE_SIZE, RO, MAP_PRIVATE | MAP_FIXED, fd, 0);
    return world;
  },
});

/** @returns what a walker met that is no VMA of the address space it walks. */
function metIn(results: Results): string | null {
  const visits = (results['walker']?.[0] ?? []) as readonly MmVisit[];
  const bad = visits.find(({ met }) => met === 'mark' || met === 'foreign VMA');
  return bad === undefined ? null : `the walker met a ${bad.met} in the child of a failed fork`;
}

const XA_ZERO: Race = {
  name: '003-xa-zero-walker',
  ids: ['S3-4', 'S3-5', 'S3-6', 'S3-7', 'S3-11'],
  story: 'A fork fails at its second VMA, and a walker of all address spaces comes by.',
  variants: [
    breaks('xa-zero, careless', walked('xa-zero', walkChild('careless'))),
    breaks('xa-zero, passing marks over', walked('xa-zero', walkChild('skips-marks'))),
    breaks('not marked unstable', walked('xa-zero', walkChild('careful'), 'NO_UNSTABLE_MARK')),
    holds('xa-zero, careful', walked('xa-zero', walkChild('careful'))),
    breaks('no limit', walked('tree-limit', walkChild('careless'), 'NO_TREE_LIMIT')),
    holds('tree-limit, careless', walked('tree-limit', walkChild('careless'))),
  ],
};

const UPROBES: Race = {
  name: '003-reverse-map-walker',
  ids: ['S3-5'],
  story: 'A fork fails after it has copied a file’s mapping, and a uprobe finds the copy by it.',
  variants: [
    breaks('xa-zero, careless', walkedByFile('xa-zero', walkRmap('careless'))),
    holds('xa-zero, careful', walkedByFile('xa-zero', walkRmap('careful'))),
    holds('tree-limit, careless', walkedByFile('tree-limit', walkRmap('careless'))),
  ],
};

const FORKING = new Set([
  'mm_struct',
  'task_struct',
  'signal_struct',
  'sighand_struct',
  'maple_node',
  'vm_area_struct',
  'anon_vma',
  'anon_vma_chain',
  'page_table',
]);

const MARK = 7;

/** @returns what of the child is there for others once its lock is free, though the fork failed. */
function leftIn({ mm }: World, results: Results): string | null {
  if (!isErr((results['forker']?.[0] ?? 0) as number)) return null;
  const visits = (results['walker']?.[0] ?? []) as readonly MmVisit[];
  const left = visits.some((visit) => visit.mm !== mm && visit.vmas > 0);
  return left ? 'the child of a failed fork still has VMAs when its lock is free' : null;
}

/** Memory that was written to, so that a fork of it takes every kind of object. */
const everyAllocation = (forkRecovery: Recovery, mutant?: Mutant): EngineScenario<World> => ({
  protocol: { forkRecovery },
  ...planted(mutant),
  scheduler: { mayFail: FORKING },
  setup(machine) {
    const world = worldOf(machine, 'BA');
    world.process.store(at(0), MARK);
    return world;
  },
  threads: { forker: [fork], walker: [lookUp(0)] },
  final(world, results) {
    if (results['walker']?.[0] !== true) return 'the fork took the parent’s VMA away';
    const [child] = childrenIn(results);
    const [forked] = results['forker'] ?? [];
    if (child === undefined && !isErr(forked as number)) return 'a fork that says nothing';
    for (const each of [world.process, ...(child === undefined ? [] : [child])]) {
      if (valueIn(each) !== MARK) return 'a page has lost its contents';
    }
    return endOf(world, results);
  },
});

const valueIn = (process: Process): number => process.load(at(0));

const EVERY_ALLOCATION: Race = {
  name: '003-every-allocation',
  ids: ['S3-2', 'S3-9', 'S3-23', 'S3-26'],
  story: 'A fork runs out of memory at any of its allocations, and a walker looks at the parent.',
  variants: [
    breaks('charge kept', everyAllocation('tree-limit', 'LOST_FORK_CHARGE')),
    breaks('no limit', everyAllocation('tree-limit', 'NO_TREE_LIMIT')),
    holds('tree-limit', everyAllocation('tree-limit')),
    holds('xa-zero', everyAllocation('xa-zero')),
  ],
};

export const FAILED_FORK_RACES: readonly Race[] = [XA_ZERO, UPROBES, EVERY_ALLOCATION];
