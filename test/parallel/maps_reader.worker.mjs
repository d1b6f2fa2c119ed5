// Reads maps and asks PROCMAP_QUERY while another worker changes the address space. Loads compiled
// code, because Node 20 cannot run TypeScript in a worker.
import { parentPort, workerData } from 'node:worker_threads';
import { Machine } from '../../dist/index.js';

const { shared, id, start, pages, rounds, status } = workerData;
const machine = Machine.attach(shared);
const process = machine.process(id);
const P = 4096;
const end = start + pages * P;
const counts = { rounds: 0, gaps: 0, backwards: 0, torn: 0, holes: 0, lines: 0 };

/** Ranges of the area, in the order in which they were shown. */
function check(ranges) {
  let last = start;
  let covered = start;
  for (const range of ranges) {
    if (range.end <= start || range.start >= end) continue;
    counts.lines++;
    if (range.start >= range.end || range.start % P !== 0 || range.end % P !== 0) counts.torn++;
    if (range.end <= last) counts.backwards++;
    if (range.start > covered) counts.gaps++;
    last = range.end;
    covered = Math.max(covered, range.end);
  }
  if (covered < end) counts.gaps++;
}

function rangesOf(text) {
  return [...text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gmu)].map(([, from, to]) => ({
    start: Number.parseInt(from, 16),
    end: Number.parseInt(to, 16),
  }));
}

function inPieces() {
  const read = process.openMaps();
  let text = '';
  for (let piece = read(512); piece.length > 0; piece = read(512)) {
    text += Buffer.from(piece).toString('latin1');
  }
  return text;
}

function query() {
  const addr = start + Math.floor(Math.random() * pages) * P;
  const answer = process.procmapQuery({ addr });
  if (typeof answer === 'number' || answer.start > addr || answer.end <= addr) counts.holes++;
}

// Until both have done their part: the writer says when.
while (counts.rounds < rounds || Atomics.load(status, 1) === 0) {
  check(rangesOf(process.maps()));
  check(rangesOf(inPieces()));
  check(process.vmas());
  if (counts.rounds % 16 === 0) process.pageStats();
  for (let i = 0; i < 64; i++) query();
  counts.rounds++;
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
parentPort.postMessage(counts);
machine.detach();
Atomics.store(status, 0, 1);
