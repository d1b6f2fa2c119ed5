/**
 * A textbook lock with a bug, and the repaired one: `npm run build && node examples/check/lock.mjs`
 *
 * The lock word is 0 free, 1 taken. unlock() wakes one sleeper; lock() looks, takes, and otherwise
 * sleeps until the word changes. Seen: two threads in the critical section at once, and, once that
 * is repaired, a thread that nobody wakes.
 */
import { Atomics, explore, prove, reportText, shared } from 'vmaspace/check';

const LOCK = 0;
const COUNT = 1;

const locks = {
  /** Looks first, takes later. */
  racy(words) {
    while (Atomics.load(words, LOCK) !== 0) Atomics.wait(words, LOCK, 1);
    Atomics.store(words, LOCK, 1);
  },
  /** Takes it in one step. */
  repaired(words) {
    while (Atomics.compareExchange(words, LOCK, 0, 1) !== 0) Atomics.wait(words, LOCK, 1);
  },
};

const wakes = {
  none: () => undefined,
  one: (words) => Atomics.notify(words, LOCK, 1),
};

const scenario = (variant, lock, wake) => {
  const add = ({ words, plain }) => {
    lock(words);
    plain[COUNT]++; // a plain access: the lock has to order it
    Atomics.store(words, LOCK, 0);
    wake(words);
  };
  return {
    name: 'lock',
    variant,
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer(8));
      return { words, plain: shared(words) };
    },
    threads: { first: add, second: add },
    final: ({ plain }) => (plain[COUNT] === 2 ? null : `counted ${plain[COUNT]} of 2`),
    nameOf: (at) => ['lock', 'count'][at],
  };
};

console.log(reportText(explore(scenario('racy', locks.racy, wakes.one))));
console.log();
console.log(reportText(explore(scenario('never wakes', locks.repaired, wakes.none))));
console.log();
console.log(reportText(prove(scenario('repaired', locks.repaired, wakes.one))));
