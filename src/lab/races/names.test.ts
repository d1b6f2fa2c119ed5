/** What words of the engine are called in traces and failures. */
import { stageOf } from '../check/scenario.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { cpuOf, thisCpu } from '../../engine/arena/cpu.ts';
import {
  C_RCU_EPOCH,
  C_SLABS,
  H_RCU_EPOCH,
  HEAP_AT,
  SLAB_WORDS,
} from '../../engine/arena/layout.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import { toNode, isLeaf, type MapleEnode, SLOT } from '../../engine/maple/node_struct.ts';
import { mmLockSeqAt, mmMmapLockAt, mmMt } from '../../engine/mm/mm_struct.ts';
import { VMA_CACHE, vmLockSeqAt, vmRefcntAt } from '../../engine/mm/vma_struct.ts';
import type { VmaRcu } from '../../engine/mm/held.ts';
import { arenaUsed, cacheAt } from '../../engine/arena/arena.ts';
import { word } from '../../engine/arena/memory.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import { Machine } from '../../index.ts';
import { L1_RWSEM } from './l1_rwsem.ts';
import { Names } from './names.ts';
import { at, unmap, type World, worldOf } from './world.ts';

const open: Machine[] = [];
afterEach(() => {
  for (const machine of open.splice(0)) machine.detach();
});

function named(picture: string): {
  readonly world: World;
  readonly nameOf: (word: WordAt) => unknown;
} {
  const machine = Machine.create({ bytes: 4 * 2 ** 20, ramBytes: 2 ** 20, seed: 1 });
  open.push(machine);
  const world = worldOf(machine, picture);
  const names = new Names(machine.share().buffer, world);
  return { world, nameOf: (index) => names.nameOf(index) };
}

/** Those of objects, up to `end`. */
const heapWords = (end: number): WordAt[] =>
  Array.from({ length: end - HEAP_AT }, (_, i) => HEAP_AT + i);

const vmaAt = ({ mm }: World, page: number): VmaRcu => mtreeLoad(mmMt(mm), at(page)) as VmaRcu;

describe('names of words', () => {
  it('calls the fields of an mm as the kernel does', () => {
    const { world, nameOf } = named('AB');
    expect(nameOf(mmMmapLockAt(world.mm))).toBe('mm1.mmap_lock');
    expect(nameOf(mmLockSeqAt(world.mm))).toBe('mm1.mm_lock_seq');
    expect(nameOf(mmMt(world.mm))).toBe('mm1.mm_mt');
  });

  it('tells of a VMA which one it is, and its range of now', () => {
    const { world, nameOf } = named('AAAB');
    const [first, second] = [vmaAt(world, 0), vmaAt(world, 3)];
    expect(nameOf(vmRefcntAt(first))).toBe('vma1[0-3).vm_refcnt');
    expect(nameOf(vmLockSeqAt(second))).toBe('vma2[3-4).vm_lock_seq');
    unmap({ page: 0, count: 1 }).run(world);
    expect(nameOf(vmRefcntAt(vmaAt(world, 1)))).toMatch(/^vma\d+\[1-3\)\.vm_refcnt$/u);
  });

  it('tells that an object is free', () => {
    const { world, nameOf } = named('AB');
    const vma = vmaAt(world, 0);
    unmap({ page: 0, count: 1 }).run(world);
    expect(nameOf(vmRefcntAt(vma))).toBe('vma1(free).vm_refcnt');
  });

  it('names slots of nodes', () => {
    const { world, nameOf } = named('AB');
    const root = word(mmMt(world.mm)) as MapleEnode;
    expect(isLeaf(root)).toBe(true);
    expect(nameOf(toNode(root) + SLOT + 1)).toMatch(/^node\d+\.slot\[1\]$/u);
    expect(nameOf(toNode(root) + 3)).toMatch(/^node\d+\.pivot\[1\]$/u);
  });

  it('names entries of page tables and the descriptors of frames', () => {
    const { world, nameOf } = named('B');
    expect(world.process.store(at(0), 7)).toBe(0);
    const names = heapWords(arenaUsed()).map(nameOf);
    expect(names).toContain('table1.entry[0]');
    expect(names.some((name) => /^page\d+\._refcount$/u.test(String(name)))).toBe(true);
  });

  it('names the words of CPUs, caches and the header', () => {
    const { nameOf } = named('A');
    expect(nameOf(H_RCU_EPOCH)).toBe('rcu_epoch');
    expect(nameOf(thisCpu + C_RCU_EPOCH)).toBe('cpu0.rcu_epoch');
    expect(nameOf(cpuOf(3) + C_SLABS + VMA_CACHE.id * SLAB_WORDS)).toBe('cpu3.slab(vma)+0');
    expect(nameOf(cacheAt(VMA_CACHE.id))).toBe('depot(vma).lock');
  });

  it('names what a scenario calls its own words', () => {
    const variant = L1_RWSEM.variants[0];
    const opened = variant?.open(L1_RWSEM.name);
    const stage = opened === undefined ? undefined : stageOf(opened.scenario);
    const names = heapWords(HEAP_AT + 1024).map((index) => stage?.nameOf(index));
    opened?.leave();
    expect(names).toContain('sem');
    expect(names).toContain('pair+1');
  });
});
