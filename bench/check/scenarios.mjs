/** What bench/check.mjs explores: the per-VMA lock, and a copy-on-write node of 40 words. */

/** The per-VMA lock: vma_start_read() beside vma_start_write() and two stores. */
export function vmaLock({ Atomics, check }, readers, writers) {
  const [MM_LOCK, MM_SEQ, VMA_LOCK, VMA_SEQ, START, END] = [0, 1, 2, 3, 4, 5];
  const upRead = (w) => {
    if (Atomics.sub(w, VMA_LOCK, 1) === 1) Atomics.notify(w, VMA_LOCK, 1);
  };
  const lock = (w, at) => {
    for (let was; (was = Atomics.compareExchange(w, at, 0, -1)) !== 0;) Atomics.wait(w, at, was);
  };
  const unlock = (w, at) => {
    Atomics.store(w, at, 0);
    Atomics.notify(w, at, 1);
  };
  const reader = (w) => {
    if (Atomics.load(w, VMA_SEQ) === Atomics.load(w, MM_SEQ)) return;
    for (let count = Atomics.load(w, VMA_LOCK); ;) {
      if (count < 0) return;
      const was = Atomics.compareExchange(w, VMA_LOCK, count, count + 1);
      if (was === count) break;
      count = was;
    }
    if (Atomics.load(w, VMA_SEQ) !== Atomics.load(w, MM_SEQ)) {
      const start = Atomics.load(w, START);
      check(Atomics.load(w, END) - start === 0x1000, 'half a range');
      check(Atomics.load(w, START) === start, 'the range changes');
    }
    upRead(w);
  };
  const writer = (w) => {
    lock(w, MM_LOCK);
    const seq = Atomics.load(w, MM_SEQ);
    if (Atomics.load(w, VMA_SEQ) !== seq) {
      lock(w, VMA_LOCK);
      Atomics.store(w, VMA_SEQ, seq);
      unlock(w, VMA_LOCK);
    }
    Atomics.store(w, START, 0x5000);
    Atomics.store(w, END, 0x6000);
    Atomics.store(w, MM_SEQ, Atomics.load(w, MM_SEQ) + 1);
    unlock(w, MM_LOCK);
  };
  return {
    name: `VMA lock, ${readers}R${writers}W`,
    setup: () => Int32Array.of(0, 0, 0, -1, 0x1000, 0x2000, 0, 0),
    threads: threadsOf(reader, readers, writer, writers),
  };
}

const WORDS = 40;

/** A node of 40 words that writers copy, change and publish, and readers walk. */
export function copyOnWrite({ Atomics, check }, readers, writers) {
  const [ROOT, LOCK, SEQ, FREE, NODES] = [0, 1, 2, 3, 8];
  const reader = (w) => {
    const node = NODES + Atomics.load(w, ROOT) * WORDS;
    const base = Atomics.load(w, node);
    for (let i = 1; i < WORDS; i++) check(Atomics.load(w, node + i) === base + i, 'a torn node');
  };
  const writer = (w) => {
    while (Atomics.compareExchange(w, LOCK, 0, -1) !== 0) Atomics.wait(w, LOCK, -1);
    const next = Atomics.add(w, FREE, 1);
    const from = NODES + Atomics.load(w, ROOT) * WORDS;
    const to = NODES + next * WORDS;
    for (let i = 0; i < WORDS; i++) Atomics.store(w, to + i, Atomics.load(w, from + i) + 1);
    Atomics.store(w, ROOT, next);
    Atomics.store(w, SEQ, Atomics.load(w, SEQ) + 1);
    Atomics.store(w, LOCK, 0);
    Atomics.notify(w, LOCK, 1);
  };
  return {
    name: `copy on write, ${readers}R${writers}W`,
    setup() {
      const words = new Int32Array(NODES + WORDS * 12);
      words[FREE] = 1;
      for (let i = 0; i < WORDS; i++) words[NODES + i] = 100 + i;
      return words;
    },
    threads: threadsOf(reader, readers, writer, writers),
  };
}

const threadsOf = (reader, readers, writer, writers) =>
  Object.fromEntries([
    ...Array.from({ length: readers }, (_, i) => [`reader${i}`, reader]),
    ...Array.from({ length: writers }, (_, i) => [`writer${i}`, writer]),
  ]);
