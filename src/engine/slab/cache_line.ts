/**
 * The shared words of a cache, from cacheAt(id): one line.
 *
 *   0     1     2      3      5       6        7          8 ... 12
 *   lock  head  count  armed  carved  refused  exhausted  after count oneIn seed state
 *   └──── depot ────┘                                     └ which are to fail: fail.ts ┘
 */
export const DEPOT_LOCK = 0; // (a)
export const DEPOT_HEAD = 1;
export const DEPOT_COUNT = 2; // written under the lock, looked at without it
export const ARMED = 3; //      (a) which plans are about it; 0: the usual
export const CARVED = 5; //     (a) objects ever taken from the arena
export const REFUSED = 6; //    (a) allocations that failed because it was asked for
export const EXHAUSTED = 7; //  (a) allocations that found no memory
export const PLAN = 8; //       (a) five words
