/** What a machine allocates: its caches, which allocations are to fail, and what is left over. */
import { FILE_CACHE } from './engine/file/file_struct.ts';
import { INODE_CACHE } from './engine/file/inode.ts';
import { USERFAULTFD_CTX_CACHE } from './engine/file/userfaultfd_ctx.ts';
import { XA_NODE_CACHE } from './engine/file/xa_node_struct.ts';
import { MAPLE_NODE_CACHE } from './engine/maple/maple.ts';
import { committedPages } from './engine/mm/accounting.ts';
import { MM_CACHE } from './engine/mm/mm_struct.ts';
import { SIGNAL_CACHE } from './engine/mm/signal_struct.ts';
import { TASK_CACHE } from './engine/mm/task_struct.ts';
import { VMA_CACHE } from './engine/mm/vma_struct.ts';
import { PAGE_CACHE } from './engine/page/page_struct.ts';
import { PAGE_TABLE_CACHE } from './engine/page/table_struct.ts';
import { ANON_VMA_CACHE, AVC_CACHE } from './engine/rmap/anon_vma_struct.ts';
import { type Cache, cacheStats, livePlaces } from './engine/slab/cache.ts';
import { type FailurePlan, FOR_EVER, readFailures, setFailures } from './engine/slab/fail.ts';
import { TEXT_CACHES } from './engine/slab/text.ts';
import { SIGHAND_CACHE } from './engine/task/sighand.ts';

/** Every cache of the engine. */
export const CACHES: readonly Cache<string>[] = [
  MAPLE_NODE_CACHE,
  VMA_CACHE,
  MM_CACHE,
  TASK_CACHE,
  SIGNAL_CACHE,
  SIGHAND_CACHE,
  FILE_CACHE,
  INODE_CACHE,
  ANON_VMA_CACHE,
  AVC_CACHE,
  USERFAULTFD_CTX_CACHE,
  PAGE_TABLE_CACHE,
  PAGE_CACHE,
  XA_NODE_CACHE,
  ...TEXT_CACHES,
];

/** Which allocations are to fail; `{ count: 0 }` ends it. */
export interface AllocationFailures {
  /** Only those of the cache of this name. Default: of all caches, counted together. */
  readonly cache?: string;
  /** How many still succeed. Default 0. */
  readonly after?: number;
  /** How many fail then; Infinity: all from then on. Default 1. */
  readonly count?: number;
  /** Each fails with a chance of one in this. Default 1: always. */
  readonly oneIn?: number;
  /** Where the generator of chances begins: the same seed, the same failures. Default: any. */
  readonly seed?: number;
}

/** @throws TypeError for a cache or a number that cannot be. */
export function failAllocations(failures: AllocationFailures): void {
  const plan = planOf(failures);
  for (const cache of cachesOf(failures.cache)) setFailures(cache, plan);
}

/** What is still to come of failAllocations(), for the same `cache`. */
export function pendingFailures(name?: string): Required<Omit<AllocationFailures, 'cache'>> {
  const [cache = null] = cachesOf(name);
  const { count, ...plan } = readFailures(cache);
  return { ...plan, count: count === FOR_EVER ? Infinity : count };
}

function planOf({ after = 0, count = 1, oneIn = 1, seed }: AllocationFailures): FailurePlan {
  for (const [name, value] of Object.entries({ after, count, oneIn, seed: seed ?? 0 })) {
    const isCount = Number.isInteger(value) && value >= 0 && value < 2 ** 32;
    if (isCount || (name === 'count' && (value === Infinity || value === FOR_EVER))) continue;
    throw new TypeError(`${name} takes a whole number from 0, not ${value}.`);
  }
  const all = count === Infinity || count === FOR_EVER;
  return {
    after,
    count: all ? FOR_EVER : count,
    oneIn,
    seed: seed ?? Math.floor(Math.random() * 2 ** 32),
  };
}

function cachesOf(name: string | undefined): readonly (Cache<string> | null)[] {
  if (name === undefined) return [null];
  const caches = CACHES.filter((cache) => cache.name === name);
  if (caches.length > 0) return caches;
  const names = [...new Set(CACHES.map((cache) => cache.name))].join(', ');
  throw new TypeError(`There is no cache "${name}"; the caches are ${names}.`);
}

/** How many leaked objects of a kind are named by their place. */
const PLACES_SHOWN = 3;

/** What is alive or charged though everything has ended, each by name; none is as it should be. */
export function leftOver(): string[] {
  const names = CACHES.filter((cache) => cacheStats(cache).live !== 0).map((cache) => {
    const { name, live } = cacheStats(cache);
    const places = livePlaces(cache, PLACES_SHOWN);
    return `${live} ${name}${places.map((place) => `\n    allocated by ${place}`).join('')}`;
  });
  const committed = committedPages();
  if (committed !== 0) names.push(`${committed} committed pages`);
  return names;
}
