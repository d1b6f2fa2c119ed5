/**
 * sighand_struct: what a process does about signals; CLONE_SIGHAND shares it. Here only one thing
 * matters: whether it ignores SIGCHLD, so that its children leave no zombies.
 *
 *   0      1
 *   count  ignores SIGCHLD
 *
 * Source: include/linux/sched/signal.h, struct sighand_struct, v6.18.
 */
import * as atomics from '#atomics';
import { word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { Sighand } from '../mm/signal_struct.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';

const COUNT = 0; // (a)
const IGNORES_CHILDREN = 1; // (a)

export const SIGHAND_CACHE: Cache<'sighand_struct'> = cacheKind({
  name: 'sighand_struct',
  id: 17,
  words: 16,
  link: 15,
});

/** @returns one that ignores nothing, with one reference, or NULL. */
export function allocSighand(): Sighand | Null {
  const sighand = cacheAlloc(SIGHAND_CACHE);
  if (sighand === NULL) return NULL;
  atomics.store(sighand + COUNT, 1);
  atomics.store(sighand + IGNORES_CHILDREN, 0);
  return sighand;
}

export function getSighand(sighand: Sighand): Sighand {
  refcountInc(sighand + COUNT);
  return sighand;
}

export function putSighand(sighand: Sighand): void {
  if (refcountDecAndTest(sighand + COUNT)) cacheFree(SIGHAND_CACHE, sighand);
}

export const isSighandShared = (sighand: Sighand): boolean => atomics.load(sighand + COUNT) > 1;

export const ignoresChildren = (sighand: Sighand): boolean =>
  word(sighand + IGNORES_CHILDREN) !== 0;
export const setIgnoresChildren = (sighand: Sighand, ignores: boolean): void =>
  atomics.store(sighand + IGNORES_CHILDREN, ignores ? 1 : 0);
