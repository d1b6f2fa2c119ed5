/** Planted mistakes with memory, each of which a checked build reports. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeEach, describe, expect, it } from 'vitest';
import * as atomics from '#atomics';
import { IS_SHADOWED } from '#shadow';
import { rawViews, setWord, views, word } from '../../src/engine/arena/memory.ts';
import { NULL, type Ref } from '../../src/engine/arena/ref.ts';
import { mmAlloc, mmdrop } from '../../src/engine/mm/mm_refs.ts';
import { vmAreaAlloc, vmAreaFree } from '../../src/engine/mm/vma_alloc.ts';
import { vmStart } from '../../src/engine/mm/vma_struct.ts';
import { allocPage, putPage } from '../../src/engine/page/page_alloc.ts';
import { pageFrame } from '../../src/engine/page/page_struct.ts';
import { rcuReadLock, rcuReadUnlock, synchronizeRcu } from '../../src/engine/rcu/rcu.ts';
import {
  type Cache,
  cacheAlloc,
  cacheDrain,
  cacheFree,
  cacheFreeRcu,
  cacheStats,
  livePlaces,
} from '../../src/engine/slab/cache.ts';
import { Machine, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../src/index.ts';
import { made } from '../made.ts';
import { CACHES } from '../../src/machine_allocations.ts';

type Thing = Ref<string>;

const take = (cache: Cache<string>): Thing => {
  const thing = cacheAlloc(cache);
  if (thing === NULL) throw new Error('no memory');
  return thing;
};

/** A word that means nothing once the object is freed: not the link, and nobody inherits it. */
function idleWord({ words, link, inherits, typeStable }: Cache<string>): number {
  const special = [...inherits, ...typeStable];
  for (let at = 0; at < words; at++) {
    if (at !== link && !special.some(([from, to]) => at >= from && at < to)) return at;
  }
  throw new Error('every word of the cache is special');
}

/** The ways to look at a word and to change it. */
const READS: readonly ((at: number) => unknown)[] = [
  word,
  (at) => views.f64[at >> 1],
  (at) => views.u64[at >> 1],
  (at) => views.u8[at * 4],
  (at) => views.u8.subarray(at * 4, at * 4 + 1),
  atomics.load,
];
const WRITES: readonly ((at: number) => unknown)[] = [
  (at) => setWord(at, 1),
  (at) => (views.f64[at >> 1] = 1),
  (at) => views.u8.set([1], at * 4),
  (at) => views.i32.copyWithin(at, 1, 2),
  (at) => atomics.store(at, 1),
  (at) => atomics.exchange(at, 1),
  (at) => atomics.add(at, 1),
  (at) => atomics.or(at, 1),
  (at) => atomics.and(at, 1),
  (at) => atomics.cas(at, 0, 1),
];

const eachCache = CACHES.map((cache) => [`${cache.name} of ${cache.words} words`, cache] as const);

let machine: Machine;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
});

it('X-5 these tests run in a checked build', () => {
  expect(IS_SHADOWED).toBe(true);
});

describe.each(eachCache)('X-5 %s', (_name, cache) => {
  it('is reported when it is freed twice', () => {
    const thing = take(cache);
    cacheFree(cache, thing);
    expect(() => cacheFree(cache, thing)).toThrow(`double free as a ${cache.name}`);
    expect(() => cacheFreeRcu(cache, thing)).toThrow('double free');
  });

  it('is reported when it is freed twice while readers may be there', () => {
    const thing = take(cache);
    cacheFreeRcu(cache, thing);
    expect(() => cacheFree(cache, thing)).toThrow('double free');
  });

  it('is reported when it is looked at after it was freed', () => {
    const at = take(cache) + idleWord(cache);
    cacheFree(cache, (at - idleWord(cache)) as Thing);
    for (const read of READS) expect(() => read(at)).toThrow(/use after free: word \d+ of the/u);
    rcuReadLock();
    expect(() => word(at), 'a section that began later').toThrow('use after free');
    rcuReadUnlock();
  });

  it('is reported when it is written to after it was freed', () => {
    const at = take(cache) + idleWord(cache);
    cacheFree(cache, (at - idleWord(cache)) as Thing);
    for (const write of WRITES) expect(() => write(at)).toThrow('write after free');
  });

  it('is reported at its next allocation when something else wrote to it', () => {
    const thing = take(cache);
    cacheFree(cache, thing);
    rawViews.i32[thing + idleWord(cache)] = 77;
    expect(() => cacheAlloc(cache)).toThrow(
      `word ${idleWord(cache)} was written while it was free: word 0 of the ${cache.name}`,
    );
  });

  it('may be looked at in a section that began before it was freed, and not after', () => {
    const thing = take(cache);
    const at = thing + idleWord(cache);
    rcuReadLock();
    cacheFreeRcu(cache, thing);
    expect(READS.map((read) => typeof read(at))).not.toContain('undefined');
    expect(() => setWord(at, 1)).toThrow('write after free');
    rcuReadUnlock();
    expect(() => word(at), 'outside of any section').toThrow('use after free');
    synchronizeRcu();
    cacheDrain(cache);
    rcuReadLock();
    expect(() => word(at), 'after the grace period').toThrow('use after free');
    rcuReadUnlock();
  });

  it('X-9 is counted by the shadow as by the ledger', () => {
    const things = Array.from({ length: 20 }, () => take(cache));
    for (const thing of things.splice(0, 5)) cacheFree(cache, thing);
    for (const thing of things.splice(0, 5)) cacheFreeRcu(cache, thing);
    expect(livePlaces(cache, Infinity).length).toBe(10);
    expect(cacheStats(cache).live).toBe(10);
  });
});

describe('X-5 a report names both places', () => {
  it('of a VMA that was freed, and is looked at', () => {
    const mm = mmAlloc();
    if (mm === NULL) throw new Error('no memory');
    const vma = vmAreaAlloc(mm);
    if (vma === NULL) throw new Error('no memory');
    vmAreaFree(vma);
    expect(() => vmStart(vma)).toThrow(
      /use after free.*vm_area_struct.*freed by vmAreaFree \(mm\/vma_alloc.*met by vmStart \(mm\/vma_struct/su,
    );
  });

  it('of an mm that was freed twice', () => {
    const mm = mmAlloc();
    if (mm === NULL) throw new Error('no memory');
    mmdrop(mm);
    expect(() => mmdrop(mm)).toThrow(/freed by mmdrop .*met by .*mmdrop/su);
  });

  it('of a store to the frame of a page that was freed; a late load is repeated anyway', () => {
    const page = allocPage();
    if (page === NULL) throw new Error('no memory');
    const frame = pageFrame(page);
    setWord(frame, 1);
    putPage(page);
    expect(word(frame)).toBe(1);
    expect(() => setWord(frame, 2)).toThrow(/frame of a free page.*freed by putPage/su);
  });
});

describe('X-5 two workers agree', () => {
  it('of what another one has freed, how and where', async () => {
    const mm = mmAlloc();
    if (mm === NULL) throw new Error('no memory');
    const [read, freed] = [vmAreaAlloc(mm), vmAreaAlloc(mm)];
    if (read === NULL || freed === NULL) throw new Error('no memory');
    const answer = await other({ free: [read, freed] });
    expect(answer).toEqual(['freed', 'freed']);
    expect(() => vmStart(read)).toThrow(/use after free.*freed by vmAreaFree.*met by vmStart/su);
    expect(() => vmAreaFree(freed)).toThrow(/freed by vmAreaFree.*met by .*vmAreaFree/su);
  });

  it('and the other one finds what this one has done', async () => {
    const mm = mmAlloc();
    if (mm === NULL) throw new Error('no memory');
    const vma = vmAreaAlloc(mm);
    if (vma === NULL) throw new Error('no memory');
    vmAreaFree(vma);
    const [said] = await other({ free: [vma] });
    expect(said).toMatch(/use after free.*freed by vmAreaFree.*met by .*vmAreaFree/su);
  });

  it('and calls of both, with faults, forks and exits, meet nothing that is free', async () => {
    const process = machine.spawn();
    const working = other({ process: process.id });
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    for (let round = 0; round < 40; round++) {
      const at = process.mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
      process.touch(at, 'write');
      const child = made(process.fork());
      process.munmap(at, 4 * 4096);
      child.exit();
    }
    expect(await working).toEqual(['done']);
    process.verify();
    process.exit();
    for (const cache of CACHES) {
      expect([cache.name, livePlaces(cache, Infinity).length]).toEqual([
        cache.name,
        cacheStats(cache).live,
      ]);
    }
    machine.tearDown();
  });
});

/** What another worker of the built engine, checked as well, has to say. */
async function other(work: Readonly<Record<string, unknown>>): Promise<string[]> {
  const url = new URL('other.worker.mjs', import.meta.url);
  const worker = new Worker(url, { workerData: { shared: machine.share(), ...work } });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  const [said] = (await Promise.race([once(worker, 'message'), failed])) as [string[]];
  return said;
}
