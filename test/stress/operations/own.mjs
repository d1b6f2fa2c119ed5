// What only this worker maps and stores to. It knows what every page holds, whatever the others do
// to the VMAs that its own have merged with.
import { EINTR, ENOMEM, MADV_DONTNEED } from '../../../dist/index.js';
import { IN_OWN, OWN_PAGES, ownAt, PAGE, tag, tagText } from '../places.mjs';
import { ANON, expected } from './expected.mjs';

const PROTS = [0, 1, 3, 3, 3, 5, 7];
const BURST = 12;
const [MAYMOVE, FIXED, DONTUNMAP] = [1, 2, 4];

export function ownOperations({ processes, me, random, pick, book, tally }) {
  let stores = 0;
  const at = (page) => ownAt(me, page);

  function anyRange(longest = 8) {
    const from = random(OWN_PAGES);
    return { from, to: Math.min(OWN_PAGES, from + 1 + random(longest)) };
  }

  function* pagesOf({ from, to }) {
    for (let page = from; page < to; page++) yield page;
  }

  /** A process, as itself; a condemned task of it may be another one that has its memory. */
  function anywhere() {
    const p = pick();
    return { p, process: processes[p], isCondemned: false };
  }

  /** A call that only a condemned task may give up. @returns whether it was made. */
  function wasMade(call, result, wanted, { isCondemned }) {
    if (isCondemned && result === EINTR) tally.interrupted++;
    else expected(call, result, wanted);
    return result !== EINTR;
  }

  function map(who = anywhere()) {
    const range = anyRange();
    const prot = PROTS[random(PROTS.length)];
    const len = (range.to - range.from) * PAGE;
    const result = who.process.mmap(at(range.from), len, prot, ANON, -1, 0);
    if (!wasMade('mmap', result, at(range.from), who)) return;
    for (const page of pagesOf(range)) book.map(who.p, page, prot);
  }

  function unmap(who = anywhere()) {
    const range = anyRange(4);
    const result = who.process.munmap(at(range.from), (range.to - range.from) * PAGE);
    if (!wasMade('munmap', result, 0, who)) return;
    for (const page of pagesOf(range)) book.unmap(who.p, page);
  }

  /** Up to the first gap. */
  function protect(who = anywhere()) {
    const range = anyRange();
    const prot = PROTS[random(PROTS.length)];
    const pages = [...pagesOf(range)];
    const gap = pages.findIndex((page) => book.prot(who.p, page) < 0);
    const result = who.process.mprotect(at(range.from), pages.length * PAGE, prot);
    if (!wasMade('mprotect', result, gap < 0 ? 0 : ENOMEM, who)) return;
    for (const page of gap < 0 ? pages : pages.slice(0, gap)) book.protect(who.p, page, prot);
  }

  /** @returns a range without gaps, and a place of the same size elsewhere; or null. */
  function twoPlaces(p) {
    const from = random(OWN_PAGES);
    let to = from;
    while (to < OWN_PAGES && to < from + 6 && book.prot(p, to) >= 0) to++;
    const pages = to - from;
    const target = random(OWN_PAGES - pages + 1);
    const overlaps = target < to && from < target + pages;
    return pages === 0 || overlaps ? null : { from, pages, target };
  }

  function moveWith(flags) {
    const p = pick();
    const places = twoPlaces(p);
    if (places === null) return;
    const { from, pages, target } = places;
    const len = pages * PAGE;
    const result = processes[p].mremap(at(from), len, len, flags, at(target));
    expected('mremap', result, at(target));
    for (let i = 0; i < pages; i++) {
      const prot = book.prot(p, from + i);
      book.protect(p, target + i, prot);
      book.store(p, target + i, book.value(p, from + i));
      book.map(p, from + i, flags & DONTUNMAP ? prot : -1);
    }
  }

  function shrink() {
    const p = pick();
    const { from, to } = anyRange();
    if (to - from < 2 || book.prot(p, from) < 0) return;
    expected('mremap', processes[p].mremap(at(from), (to - from) * PAGE, PAGE, 0), at(from));
    for (const page of pagesOf({ from: from + 1, to })) book.unmap(p, page);
  }

  function forget() {
    const p = pick();
    const range = anyRange();
    const pages = [...pagesOf(range)];
    const hasGap = pages.some((page) => book.prot(p, page) < 0);
    const result = processes[p].madvise(at(range.from), pages.length * PAGE, MADV_DONTNEED);
    expected('madvise', result, hasGap ? ENOMEM : 0);
    for (const page of pages) if (book.prot(p, page) >= 0) book.store(p, page, 0);
  }

  /** Names part and join VMAs. */
  function nameParts() {
    const { from, to } = anyRange();
    const text = random(2) === 0 ? null : `part ${random(2)}`;
    processes[pick()].setAnonName(at(from), (to - from) * PAGE, text);
  }

  function store() {
    const p = pick();
    for (let i = 0; i < BURST; i++) {
      const page = random(OWN_PAGES);
      const value = tag(me, IN_OWN, p * OWN_PAGES + page, ++stores);
      const isAllowed = book.prot(p, page) > 0 && (book.prot(p, page) & 2) !== 0;
      const code = processes[p].store(at(page), value);
      if ((code === 0) !== isAllowed) throw new Error(`a store to own page ${page} gave ${code}`);
      if (isAllowed) book.store(p, page, value);
    }
  }

  function load() {
    const p = pick();
    for (let i = 0; i < BURST; i++)
      checkPage(processes[p], book, { p, worker: me, page: random(OWN_PAGES) });
  }

  return {
    map,
    unmap,
    protect,
    move: () => moveWith(MAYMOVE | FIXED),
    keep: () => moveWith(MAYMOVE | FIXED | DONTUNMAP),
    shrink,
    forget,
    name: nameParts,
    store,
    load,
  };
}

/** One own page holds what its owner has stored last; a load of it is refused as it should be. */
export function checkPage(process, book, { p, worker, page }) {
  const seen = process.load(ownAt(worker, page));
  const prot = book.prot(p, page);
  if (prot <= 0 ? seen < 0 : seen === book.value(p, page)) return;
  const found = seen < 0 ? `the signal ${seen}` : tagText(seen);
  throw new Error(
    `own page ${page} of worker ${worker} in process ${p}, protection ${prot}, ` +
      `holds ${found} in the place of ${tagText(book.value(p, page))}`,
  );
}
