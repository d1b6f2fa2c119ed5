/**
 * How long a mapper waits beside a reader of its /proc/PID/maps, in the three modes of
 * `protocol.mapsReader`, and how fast the reader is. One run, the modes in turn.
 *
 *     npm run build && node bench/readers.mjs [--json] [--vmas COUNT] [--rounds COUNT]
 *
 *     --vmas COUNT     other mappings of the process, which the reader shows (default 10000)
 *     --rounds COUNT   samples of each row that count, 5 ms each (default 60)
 *
 * The mapper maps and unmaps a page without pause; one worker reads maps without pause, in pieces
 * of a page as `cat` does, or as a whole. Microseconds; `alone` is without a reader; `late %` is
 * the share of the time that went into pairs of over 100; the ratio is to `mmap-lock` with that
 * reader. Both are pinned, and a sample counts if neither waited for its CPU for more than 2 % of
 * it (quiet.mjs).
 */
import { once } from 'node:events';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { pinTo, QUIET, runDelay } from './quiet.mjs';
import { print, sample } from './sample.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    vmas: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '60' },
    dist: { type: 'string', default: 'dist/bundle' },
  },
});

const index = new URL('index.js', pathToFileURL(`${resolve(options.dist)}/`)).href;
const { Machine } = await import(index);
const vmas = Number(options.vmas);

const MODES = ['per-vma', 'rcu', 'mmap-lock'];
const HOWS = ['alone', 'pieces', 'whole'];
const PAGE = 4096;
const [READ, READ_WRITE] = [1, 3];
const ANON = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const SAMPLE_MS = 5;
/** So many samples are tried for one that counts. */
const TRIES = 20;
const LATE_US = 100;

// Words of the status: what the reader is to do, how many bytes it has read, and how many microseconds
// it has waited for its CPU.
const COMMAND = 0;
const SHOWN = 1;
const DELAY = 2;
const COMMANDS = { alone: 0, pieces: 1, whole: 2, end: 3 };

const isPinned = pinTo(0);
const subjects = await Promise.all(MODES.map(startMode));
const rows = subjects.flatMap((subject) =>
  HOWS.map((how) => ({ subject, how, latencies: [], shown: 0, ms: 0, kept: 0, tried: 0 })),
);
for (const row of rows) for (let i = 0; i < 20; i++) await takeSample(row); // warm
for (let wanted = 1; wanted <= Number(options.rounds); wanted++) {
  for (const row of rows) await keepOne(row, wanted);
}
const texts = sample(
  Object.fromEntries(subjects.map(({ mode, process }) => [mode, () => textPerVma(process)])),
);
for (const { status, worker } of subjects) {
  Atomics.store(status, COMMAND, COMMANDS.end);
  Atomics.notify(status, COMMAND);
  await once(worker, 'exit');
}

const results = rows.map(summary);
if (options.json) console.log(JSON.stringify({ vmas, results, textPerVma: texts }, null, 2));
else printAll();

async function startMode(mode) {
  const sysctl = { max_map_count: 2 ** 20, totalram_pages: 2 ** 40 };
  const machine = Machine.create({ bytes: 64 * 2 ** 20, sysctl, protocol: { mapsReader: mode } });
  const process = machine.spawn();
  // Neighbours differ, so that they do not merge.
  for (let i = 0; i < vmas; i++) process.mmap(0, PAGE, i % 2 ? READ : READ_WRITE, ANON, -1, 0);
  const status = new Int32Array(new SharedArrayBuffer(16));
  const workerData = { index, shared: machine.share(), id: process.id, status };
  const worker = new Worker(new URL('readers/reader.mjs', import.meta.url), { workerData });
  await once(worker, 'message');
  return { mode, process, status, worker };
}

/** Until the row has as many samples as wanted, or is hopeless. */
async function keepOne(row, wanted) {
  while (row.kept < wanted && row.tried < wanted * TRIES) {
    const taken = await takeSample(row);
    row.tried++;
    if (taken.delay > QUIET) continue;
    row.kept++;
    row.latencies.push(...taken.latencies);
    row.shown += taken.shown;
    row.ms += taken.ms;
  }
}

/** The mapper's pairs of calls for a while, each timed. */
async function takeSample({ subject, how }) {
  const { process, status } = subject;
  const latencies = [];
  process.machine.enter();
  Atomics.store(status, COMMAND, COMMANDS[how]);
  Atomics.notify(status, COMMAND);
  await new Promise((wake) => setTimeout(wake, 2));
  const shown = Atomics.load(status, SHOWN);
  const waited = waitedSoFar(status);
  const begin = performance.now();
  for (let now = begin; now - begin < SAMPLE_MS;) {
    process.munmap(process.mmap(0, PAGE, 5, ANON, -1, 0), PAGE);
    const after = performance.now();
    latencies.push((after - now) * 1000);
    now = after;
  }
  const ms = performance.now() - begin;
  const delay = (waitedSoFar(status) - waited) / 1e6 / ms;
  const read = (Atomics.load(status, SHOWN) - shown) | 0;
  Atomics.store(status, COMMAND, COMMANDS.alone);
  return { latencies, shown: read, ms, delay };
}

/** Nanoseconds, of the mapper and, up to the last piece it has read, of the reader. */
function waitedSoFar(status) {
  return (runDelay() ?? 0) + Atomics.load(status, DELAY) * 1000;
}

function textPerVma(process) {
  process.maps();
  return vmas;
}

function summary({ subject, how, latencies, shown, ms, kept, tried }) {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const mean = sorted.reduce((sum, each) => sum + each, 0) / sorted.length;
  const late = sorted.reduce((sum, each) => (each > LATE_US ? sum + each : sum), 0) / ms / 10;
  const megabytes = how === 'alone' ? 0 : shown / ms / 1000;
  return {
    mode: subject.mode,
    how,
    median: at(0.5),
    mean,
    p99: at(0.99),
    worst: at(1),
    late,
    megabytes,
    kept,
    tried,
  };
}

function printAll() {
  console.log(`mmap + munmap of a page beside ${vmas} VMAs, microseconds`);
  console.log('mode       reader     median     mean      p99    worst  late %   MB/s  mean ratio');
  for (const row of results) {
    const base = results.find(({ mode, how }) => mode === 'mmap-lock' && how === row.how);
    const figures = [row.median, row.mean, row.p99, row.worst].map((us) => us.toFixed(1));
    const columns = figures.map((figure) => figure.padStart(8)).join(' ');
    const more = [row.late.toFixed(1).padStart(7), row.megabytes.toFixed(0).padStart(6)];
    const rest = [...more, (row.mean / base.mean).toFixed(2).padStart(11)].join(' ');
    console.log(`${row.mode.padEnd(10)} ${row.how.padEnd(8)} ${columns} ${rest}`);
  }
  const tried = rows.reduce((sum, row) => sum + row.tried, 0);
  const kept = rows.reduce((sum, row) => sum + row.kept, 0);
  console.log(`${kept} of ${tried} samples count${isPinned ? '' : '; nobody is pinned'}`);
  console.log('the text of maps where nobody writes, nanoseconds per VMA');
  print(texts);
}
