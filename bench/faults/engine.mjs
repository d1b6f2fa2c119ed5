/**
 * The engine's side of bench/faults.mjs, through the public face. Each pattern says what it does
 * `times` times; only run() is timed. kernel.c does the same.
 */
const PAGE = 4096;
const [READ, READ_WRITE] = [1, 3];
const ANON = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const POPULATE = ANON | 0x8000;
const [SHARED, PRIVATE] = [1, 2];
const DONTNEED = 4;

/** Pages of most patterns, 4 MiB, and of those that measure one long call, 32 MiB. */
const PAGES = 1024;
const BULK = 8192;
/** Pages that loads and stores go round in: all fit the TLB. */
const HOT = 63;
/** From line to line as well, so that they do not share a set of the cache. */
const STEP = PAGE + 64;
const ACCESSES = 64 * HOT;
const CALLS = 256;

/** A process with the memory that the patterns use, beside `others` more mappings. */
export function startEngine(Machine, others) {
  const sysctl = { max_map_count: 2 ** 20, totalram_pages: 2 ** 40 };
  const machine = Machine.create({ bytes: 256 * 2 ** 20, ramBytes: 256 * 2 ** 20, sysctl });
  const subject = machine.spawn();
  subject.ignoreChildren(); // nobody waits for them
  // Neighbours differ, so that they do not merge.
  for (let i = 0; i < others; i++) {
    subject.mmap(0, PAGE, i % 2 === 0 ? READ : READ_WRITE, ANON, -1, 0);
  }
  const fd = machine.open({
    kind: 'shmem',
    path: '/memfd:pages',
    size: PAGES * PAGE,
    writable: true,
  });
  return { ...anonymousPatterns(subject), ...callPatterns(subject), ...filePatterns(subject, fd) };
}

const map = (subject, pages, flags, fd = -1) =>
  subject.mmap(0, pages * PAGE, READ_WRITE, flags, fd, 0);

function storeAll(subject, at, pages) {
  for (let i = 0; i < pages; i++) subject.store(at + i * PAGE, 1, 1);
}

function loadAll(subject, at, pages) {
  for (let i = 0; i < pages; i++) subject.load(at + i * PAGE, 1);
}

function anonymousPatterns(subject) {
  const block = map(subject, PAGES, ANON);
  const drop = () => subject.madvise(block, PAGES * PAGE, DONTNEED);
  const store = () => storeAll(subject, block, PAGES);
  let child;
  return {
    writeFault: { times: PAGES, before: drop, run: store },
    readFault: { times: PAGES, before: drop, run: () => loadAll(subject, block, PAGES) },
    cowFault: {
      times: PAGES,
      before() {
        store();
        child = subject.fork();
      },
      run: store,
      after: () => child.exit(),
    },
    reuseFault: {
      times: PAGES,
      before() {
        store();
        subject.fork().exit();
      },
      run: store,
    },
  };
}

function callPatterns(subject) {
  const bulk = map(subject, BULK, ANON);
  const one = map(subject, 1, ANON);
  const hot = map(subject, HOT, ANON);
  storeAll(subject, hot, HOT);
  const drop = () => subject.madvise(bulk, BULK * PAGE, DONTNEED);
  const store = () => storeAll(subject, bulk, BULK);
  let result;
  return {
    touchDrop: {
      times: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++) {
          subject.store(one, 1, 1);
          subject.madvise(one, PAGE, DONTNEED);
        }
      },
    },
    dropBulk: { times: BULK, before: store, run: drop },
    populate: {
      times: PAGES,
      run: () => (result = map(subject, PAGES, POPULATE)),
      after: () => subject.munmap(result, PAGES * PAGE),
    },
    mapTouchUnmap: {
      times: CALLS,
      run() {
        for (let i = 0; i < CALLS; i++) {
          const at = map(subject, 1, ANON);
          subject.store(at, 1, 1);
          subject.munmap(at, PAGE);
        }
      },
    },
    forkPages: {
      times: BULK,
      before: store,
      run: () => (result = subject.fork()),
      after() {
        result.exit();
        drop();
      },
    },
    load: {
      times: ACCESSES,
      run() {
        let sum = 0;
        for (let i = 0; i < ACCESSES; i++) sum += subject.load(hot + (i % HOT) * STEP);
        result = sum;
      },
    },
    store: {
      times: ACCESSES,
      run() {
        for (let i = 0; i < ACCESSES; i++) subject.store(hot + (i % HOT) * STEP, i);
      },
    },
  };
}

function filePatterns(subject, fd) {
  const shared = map(subject, PAGES, SHARED, fd);
  const copied = map(subject, PAGES, PRIVATE, fd);
  storeAll(subject, shared, PAGES);
  const drop = () => subject.madvise(shared, PAGES * PAGE, DONTNEED);
  return {
    fileRead: { times: PAGES, before: drop, run: () => loadAll(subject, shared, PAGES) },
    fileWrite: { times: PAGES, before: drop, run: () => storeAll(subject, shared, PAGES) },
    fileCopy: {
      times: PAGES,
      before: () => subject.madvise(copied, PAGES * PAGE, DONTNEED),
      run: () => storeAll(subject, copied, PAGES),
    },
  };
}
