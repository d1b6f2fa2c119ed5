/** A page table that is given back has only empty entries: whoever gets it next relies on that. */
import fc from 'fast-check';
import { it } from 'vitest';
import {
  Machine,
  MADV_DONTNEED,
  MADV_GUARD_INSTALL,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { NULL } from '../../src/engine/arena/ref.ts';
import { word } from '../../src/engine/arena/memory.ts';
import {
  ENTRIES_PER_TABLE,
  entryAt,
  PAGE_TABLE_CACHE,
} from '../../src/engine/page/table_struct.ts';
import { synchronizeRcu } from '../../src/engine/rcu/rcu.ts';
import { cacheAlloc, cacheDrain, cacheFree, cacheStats } from '../../src/engine/slab/cache.ts';

const P = 4096;
const RW = PROT_READ | PROT_WRITE;
// Around the ends of tables of every level.
const PLACES = [2 ** 39, 2 ** 39 + 2 ** 30, 2 ** 40 - 8 * P, 2 ** 40 + 2 ** 21 - 4 * P];
const WHATS = ['private', 'shared', 'store', 'guard', 'dontneed', 'move', 'unmap', 'fork'] as const;

const step = fc.record({
  what: fc.constantFrom(...WHATS),
  place: fc.constantFrom(...PLACES),
  page: fc.nat(12),
  pages: fc.integer({ min: 1, max: 8 }),
  to: fc.constantFrom(...PLACES),
});

/** Takes every free table, looks at it, and gives it back. */
function countDirtyTables(): number {
  synchronizeRcu();
  cacheDrain(PAGE_TABLE_CACHE);
  const { carved, live } = cacheStats(PAGE_TABLE_CACHE);
  let dirty = 0;
  const taken = Array.from({ length: carved - live }, () => cacheAlloc(PAGE_TABLE_CACHE));
  for (const table of taken) {
    if (table === NULL) continue;
    for (let i = 0; i < ENTRIES_PER_TABLE; i++) if (word(entryAt(table, i)) !== 0) dirty++;
    cacheFree(PAGE_TABLE_CACHE, table);
  }
  return dirty;
}

it('whatever was mapped, marked, moved, forked and unmapped', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(60), (steps, failAfter) => {
      const machine = Machine.create({ bytes: 8 * 2 ** 20 });
      const living = [machine.spawn()];
      machine.failAllocations('page_table', failAfter, 1);
      for (const { what, place, page, pages, to } of steps) {
        const process = living.at(-1) as (typeof living)[number];
        const at = place + page * P;
        const len = pages * P;
        const shared = what === 'shared' ? MAP_SHARED : MAP_PRIVATE;
        if (what === 'private' || what === 'shared') {
          process.mmap(at, len, RW, shared | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        } else if (what === 'store') {
          for (let i = 0; i < pages; i++) process.store(at + i * P, i);
        } else if (what === 'guard') process.madvise(at, len, MADV_GUARD_INSTALL);
        else if (what === 'dontneed') process.madvise(at, len, MADV_DONTNEED);
        else if (what === 'move') {
          process.mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to + 20 * P);
        } else if (what === 'unmap') process.munmap(at, len);
        else {
          const child = process.fork();
          if (typeof child !== 'number') living.push(child);
        }
        process.verify();
      }
      for (const process of living) process.exit();
      const dirty = countDirtyTables();
      machine.tearDown();
      return dirty === 0;
    }),
    { numRuns: 200 },
  );
});
