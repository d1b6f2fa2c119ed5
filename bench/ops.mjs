/**
 * How long the system calls take, beside 20, 1,000, 10,000 and 60,000 other mappings.
 * Prints nanoseconds, the tenth percentile and the median.
 *
 *     npm run build && node bench/ops.mjs [DIST [COUNT]]
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { argv, execPath } from 'node:process';
import { pathToFileURL } from 'node:url';
import { print, sample } from './sample.mjs';

const [dist = 'dist/bundle', count = 'all'] = argv.slice(2);
const { Machine } = await import(new URL('index.js', pathToFileURL(`${resolve(dist)}/`)));

const PAGE = 4096;
const [READ, READ_WRITE, READ_EXEC] = [1, 3, 5];
const ANON = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const FIXED = ANON | 0x10;
const MOVE_TO = 3; // MREMAP_MAYMOVE | MREMAP_FIXED

// Places apart from where mmap() chooses, and from one another.
const BLOCK = 0x200000000000;
const BLOCK_BYTES = 16 * PAGE;
const HEAP = 0x210000000000;
const NEAR = 0x220000000000;
const FAR = 0x230000000000;

/** The calls that take as long as one VMA takes; all leave the process as it was. */
const callsOn = (subject) => ({
  'mmap + munmap, 1 page'(times) {
    for (let i = 0; i < times; i++) {
      subject.munmap(subject.mmap(0, PAGE, READ_EXEC, ANON, -1, 0), PAGE);
    }
  },
  'mmap MAP_FIXED, exact'(times) {
    for (let i = 0; i < times; i++) subject.mmap(BLOCK, BLOCK_BYTES, READ_WRITE, FIXED, -1, 0);
  },
  // A page in the middle: the first call splits twice, the second merges it all again.
  'mprotect, per call'(times) {
    for (let i = 0; i < times; i++) {
      subject.mprotect(BLOCK + 4 * PAGE, PAGE, READ);
      subject.mprotect(BLOCK + 4 * PAGE, PAGE, READ_WRITE);
    }
    return 2 * times;
  },
  'mremap move, 1 page'(times) {
    for (let i = 0; i < times; i++) {
      subject.mremap(NEAR, PAGE, PAGE, MOVE_TO, FAR);
      subject.mremap(FAR, PAGE, PAGE, MOVE_TO, NEAR);
    }
    return 2 * times;
  },
  'brk, per call'(times) {
    for (let i = 0; i < times; i++) {
      subject.brk(HEAP + PAGE);
      subject.brk(HEAP);
    }
    return 2 * times;
  },
  'mlock, munlock, per call'(times) {
    for (let i = 0; i < times; i++) {
      subject.mlock(BLOCK, BLOCK_BYTES);
      subject.munlock(BLOCK, BLOCK_BYTES);
    }
    return 2 * times;
  },
});

/** What takes as long as there are VMAs: nanoseconds for each. */
const walksOf = (subject) => ({
  'fork + exit, per VMA': timesVmas(subject, () => subject.fork().exit()),
  'maps text, per VMA': timesVmas(subject, () => subject.maps()),
});

function timesVmas(subject, walk) {
  return (times) => {
    for (let i = 0; i < times; i++) walk();
    return times * subject.mapCount();
  };
}

function subjectWith(others) {
  const sysctl = { max_map_count: 2 ** 20, totalram_pages: 2 ** 40 };
  const subject = Machine.create({ bytes: 256 * 2 ** 20, sysctl }).spawn();
  subject.ignoreChildren?.(); // nobody waits for them; older builds have no parents
  subject.setLayout({ startBrk: HEAP, brk: HEAP });
  subject.mmap(BLOCK, BLOCK_BYTES, READ_WRITE, FIXED, -1, 0);
  subject.mmap(NEAR, PAGE, READ_WRITE, FIXED, -1, 0);
  // Neighbours differ, so that they do not merge.
  for (let i = subject.mapCount(); i < others; i++) {
    subject.mmap(0, PAGE, i % 2 === 0 ? READ : READ_WRITE, ANON, -1, 0);
  }
  return subject;
}

/** In a process of its own: with a second machine, every access takes a little longer. */
function measureApart(others) {
  spawnSync(execPath, [argv[1], dist, String(others)], { stdio: 'inherit' });
}

function measure(others) {
  const subject = subjectWith(others);
  console.log(`${subject.mapCount()} VMAs`);
  print(sample(callsOn(subject)));
  // Few VMAs would show what a walk costs at its ends.
  if (others >= 1000) print(sample(walksOf(subject)));
}

if (count !== 'all') measure(Number(count));
else for (const others of [20, 1000, 10_000, 60_000]) measureApart(others);
