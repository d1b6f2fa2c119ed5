// Who looks at address spaces that others change: each line ends after the one before it, and what
// is always mapped is always shown.
import { PROCMAP_QUERY_COVERING_OR_NEXT_VMA } from '../../../dist/index.js';
import { ALWAYS, ALWAYS_PAGES, ownAt, PAGE, WILD, WILD_PAGES } from '../places.mjs';

const END = ALWAYS + ALWAYS_PAGES * PAGE;
const QUERIES = 24;

export function readerOperations({ machine, processes, workers, random, pick, tally, form }) {
  const anyProcess = () => processes[pick()];

  function check(ranges) {
    let last = 0;
    let covered = ALWAYS;
    for (const { start, end } of ranges) {
      if (start >= end || start % PAGE !== 0) throw new Error('a line of maps is torn');
      if (end <= last) throw new Error('maps goes back');
      if (start <= covered && end > covered) covered = end;
      last = end;
    }
    if (covered >= END) return;
    tally.gaps++;
    if (form.munmap === 'gather') throw new Error(`maps shows a gap at ${covered.toString(16)}`);
  }

  function rangesOf(text) {
    return [...text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) /gmu)].map(([, from, to]) => ({
      start: Number.parseInt(from, 16),
      end: Number.parseInt(to, 16),
    }));
  }

  function pieces() {
    const read = anyProcess().openMaps();
    let text = '';
    for (let piece = read(512); piece.length > 0; piece = read(512)) {
      text += Buffer.from(piece).toString('latin1');
    }
    check(rangesOf(text));
  }

  function query() {
    const process = anyProcess();
    for (let i = 0; i < QUERIES; i++) {
      const addr = ALWAYS + random(ALWAYS_PAGES) * PAGE;
      const answer = process.procmapQuery({ addr });
      const isThere = typeof answer !== 'number' && answer.start <= addr && answer.end > addr;
      if (isThere) continue;
      tally.gaps++;
      if (form.munmap === 'gather') throw new Error(`PROCMAP_QUERY found a gap: ${answer}`);
    }
  }

  function queryNext() {
    const process = anyProcess();
    const lowest = ownAt(workers - 1);
    for (let i = 0; i < QUERIES; i++) {
      const addr = lowest + random((WILD - lowest) / PAGE + WILD_PAGES) * PAGE;
      const answer = process.procmapQuery({ addr, flags: PROCMAP_QUERY_COVERING_OR_NEXT_VMA });
      if (typeof answer !== 'number' && answer.end > addr) continue;
      throw new Error(`PROCMAP_QUERY found nothing above ${addr.toString(16)}: ${answer}`);
    }
  }

  return {
    maps: () => check(rangesOf(anyProcess().maps())),
    pieces,
    vmas: () => check(anyProcess().vmas()),
    smaps: () => anyProcess().smaps(),
    stats: () => anyProcess().pageStats(),
    query,
    queryNext,
    layout: () => anyProcess().layout(),
    walk: () => machine.walkMms(),
    walkRmap: () => anyProcess().walkRmap(WILD + random(WILD_PAGES) * PAGE),
  };
}
