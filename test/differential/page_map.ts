/**
 * An address space as naive as can be: a Map from page number to the area the page is in. Written
 * from the reference's text alone; it shares no code with the engine.
 *
 *   page  12 13 14 15 16          an area has what a VMA has, and no range of its own:
 *   area   a  a  b  b  b          its range is the pages that point to it
 */
import { has, minus, normal, plus } from './codes.ts';
import type { SharedObject } from './shared_object.ts';

const PAGE = 4096;
const TASK_PAGES = 0x7ffffffff;

const [EPERM, ENOMEM] = [-1, -12];
const [EACCES, EFAULT] = [-13, -14];
const EEXIST = -17;
const EINVAL = -22;
const EBADF = -9;

export interface Area {
  /** As codes.ts has them. */
  flags: string;
  /** 0: anonymous. Equal for mappings of one opening. */
  readonly file: number;
  /** Offset of a page less its number. */
  slide: number;
  /** 0 while no private page was written. */
  anon: number;
  /** Its anon_vma came through a fork: it is on more than one chain. */
  isForkChild: boolean;
}

export interface FileLook {
  readonly id: number;
  readonly isWritable: boolean;
}

/** Pages, the end exclusive. */
interface Span {
  readonly from: number;
  readonly to: number;
}

const isPrivateAnon = (area: Area): boolean => area.file === 0;
const up = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;

export class PageMap {
  readonly pages: Map<number, Area>;
  /** Pages that hold a guard marker: it belongs to the page, not to the area. */
  readonly guards = new Set<number>();
  /** Shared anonymous objects, by file number. Pages. */
  readonly objects: Map<number, SharedObject>;
  readonly #files: ReadonlyMap<number, FileLook>;
  /** Pages: the search for a place begins below it. */
  readonly #top: number;
  readonly #startBrk: number;
  brkAt: number;
  #nextGroup: number;
  #nextShmem: number;

  constructor(
    place: { top: number; startBrk: number },
    files: ReadonlyMap<number, FileLook>,
    from?: PageMap,
  ) {
    this.pages = new Map();
    this.objects = from?.objects ?? new Map<number, SharedObject>();
    this.#files = files;
    this.#top = place.top;
    this.#startBrk = place.startBrk;
    this.brkAt = from?.brkAt ?? place.startBrk;
    this.#nextGroup = from === undefined ? 1 : from.#nextGroup + 1000;
    this.#nextShmem = from === undefined ? 1000 : from.#nextShmem + 1000;
  }

  #end(page: number): number {
    const area = this.pages.get(page);
    let end = page;
    while (this.pages.get(end) === area) end++;
    return end;
  }

  #start(page: number): number {
    const area = this.pages.get(page);
    let start = page;
    while (this.pages.get(start - 1) === area) start--;
    return start;
  }

  readonly #isFree = ({ from, to }: Span): boolean => lastTaken(this.pages, from, to) < 0;

  /** The areas of a span, each with its part of it. */
  #areasIn({ from, to }: Span): (Span & { area: Area })[] {
    const found: (Span & { area: Area })[] = [];
    for (let page = from; page < to;) {
      const area = this.pages.get(page);
      if (area === undefined) page++;
      else {
        const end = Math.min(to, this.#end(page));
        found.push({ area, from: page, to: end });
        page = end;
      }
    }
    return found;
  }

  #fill({ from, to }: Span, area: Area): void {
    for (let page = from; page < to; page++) this.pages.set(page, area);
  }

  /** Makes `page` the first of its area. */
  #cut(page: number): void {
    const area = this.pages.get(page);
    if (area === undefined || this.pages.get(page - 1) !== area) return;
    this.#fill({ from: page, to: this.#end(page) }, { ...area });
  }

  /** Section 3.2 and 3.3: `source` is where an anon_vma of the request comes from. */
  #fits(near: Area, want: Area, source: Area | undefined): boolean {
    if (minus(near.flags, 'gu') !== minus(want.flags, 'gu')) return false;
    if (near.file !== want.file || near.slide !== want.slide) return false;
    if (near.anon === want.anon) return true;
    if (near.anon !== 0 && want.anon !== 0) return false;
    if (near.anon !== 0) return !near.isForkChild;
    return source === undefined || !source.isForkChild;
  }

  #takeAnon(to: Area, from: Area | undefined): void {
    if (to.anon !== 0 || from === undefined || from.anon === 0) return;
    to.anon = from.anon;
    to.isForkChild = from.isForkChild;
  }

  /** @returns false when no neighbour takes the free (or replaced) span. */
  #mergeNew(span: Span, want: Area, how: { source?: Area; onlyLeft?: boolean } = {}): boolean {
    const prev = this.pages.get(span.from - 1);
    const next = how.onlyLeft === true ? undefined : this.pages.get(span.to);
    const left = prev !== undefined && this.#fits(prev, want, how.source);
    let right = next !== undefined && this.#fits(next, want, how.source);
    if (left && right && !hasOneAnon(prev, next as Area)) right = false;
    if (!left && !right) return false;

    const guard = has(want.flags, 'gu') ? ['gu'] : [];
    if (left) {
      const removed = right && next !== undefined && next !== prev ? next : undefined;
      this.#takeAnon(prev, removed !== undefined && removed.anon !== 0 ? removed : how.source);
      prev.flags = plus(
        prev.flags,
        ...guard,
        ...(removed && has(removed.flags, 'gu') ? ['gu'] : []),
      );
      this.#fill(span, prev);
      if (removed !== undefined) this.#fill({ from: span.to, to: this.#end(span.to) }, prev);
    } else if (next !== undefined) {
      this.#takeAnon(next, how.source);
      next.flags = plus(next.flags, ...guard);
      this.#fill(span, next);
    }
    return true;
  }

  /** Section 3.5 and 3.7: gives a part of one area other flags. */
  #modify({ from, to }: Span, flags: string): Area {
    const middle = this.pages.get(from) as Area;
    const atFront = this.pages.get(from - 1) !== middle;
    const atTail = this.pages.get(to) !== middle;
    const want: Area = { ...middle, flags };
    const prev = atFront ? this.pages.get(from - 1) : undefined;
    const next = atTail ? this.pages.get(to) : undefined;
    const left = prev !== undefined && this.#fits(prev, want, middle);
    let right = next !== undefined && this.#fits(next, want, middle);
    if (left && right && !hasOneAnon(prev, next as Area)) right = false;

    const sticky = [middle, left ? prev : undefined, right ? next : undefined];
    const guard = sticky.some((area) => area !== undefined && has(area.flags, 'gu')) ? ['gu'] : [];
    if (left) {
      const removed = right ? next : undefined;
      this.#takeAnon(prev, removed !== undefined && removed.anon !== 0 ? removed : middle);
      this.#fill({ from, to: removed === undefined ? to : this.#end(to) }, prev);
      prev.flags = plus(flags, ...guard);
      return prev;
    }
    if (right && next !== undefined) {
      this.#takeAnon(next, middle);
      this.#fill({ from, to }, next);
      next.flags = plus(flags, ...guard);
      return next;
    }
    this.#cut(from);
    this.#cut(to);
    const part = this.pages.get(from) as Area;
    part.flags = plus(flags, ...guard);
    return part;
  }

  /** Section 3.6: the first write gives an area an anon_vma, a neighbour's if they could be one. */
  #prepare(page: number): void {
    const area = this.pages.get(page) as Area;
    if (area.anon !== 0) return;
    const near = [this.pages.get(this.#end(page)), this.pages.get(this.#start(page) - 1)];
    const donor = near.find((other) => other !== undefined && canShare(other, area));
    area.anon = donor?.anon ?? this.#nextGroup++;
    area.isForkChild = false;
  }

  /** @returns ENOMEM where a page cannot be had; with 'ignore' it goes on. */
  #populate(span: Span, errors: 'stop' | 'ignore'): number {
    for (const { area, from, to } of this.#areasIn(span)) {
      if (has(area.flags, 'lf')) continue;
      const guard = this.#firstGuard({ from, to });
      const canStart = has(area.flags, 'rd', 'wr', 'ex') && guard !== from;
      if (canStart && has(area.flags, 'wr') && !has(area.flags, 'sh')) this.#prepare(from);
      const until = canStart ? (guard ?? to) : from;
      for (let page = from; page < until; page++) this.#fillObject(area, page);
      const isShort = guard !== undefined || this.#isBeyondEof(area, to - 1);
      if (errors === 'stop' && (!canStart || isShort)) return ENOMEM;
    }
    return 0;
  }

  /** A page of an object that was not reserved is charged when it comes to be. */
  #fillObject(area: Area, page: number): void {
    if (!this.#isBeyondEof(area, page)) this.objects.get(area.file)?.filled.add(area.slide + page);
  }

  #isBeyondEof(area: Area, page: number): boolean {
    const size = this.objects.get(area.file)?.size;
    return size !== undefined && area.slide + page >= size;
  }

  #firstGuard({ from, to }: Span): number | undefined {
    return [...this.guards]
      .filter((page) => page >= from && page < to)
      .toSorted((a, b) => a - b)[0];
  }

  touch(addr: number, access: 'read' | 'write'): string {
    const page = Math.floor(addr / PAGE);
    const area = this.pages.get(page);
    if (area === undefined) return 'SEGV_MAPERR';
    const allowed = access === 'write' ? has(area.flags, 'wr') : has(area.flags, 'rd', 'wr', 'ex');
    if (!allowed) return 'SEGV_ACCERR';
    if (this.guards.has(page)) return 'SEGV_MAPERR';
    if (this.#isBeyondEof(area, page)) return 'BUS_ADRERR';
    if (access === 'write' && !has(area.flags, 'ms')) this.#prepare(page);
    this.#fillObject(area, page);
    return 'done';
  }

  #topDown(pages: number): number {
    let end = this.#top;
    // Ends: below the window there is only free space.
    for (;;) {
      const taken = lastTaken(this.pages, end - pages, end);
      if (taken < 0) return end - pages;
      end = taken;
    }
  }

  #place(pages: number, hint: number): number {
    const at = Math.floor(hint / PAGE);
    if (at !== 0 && at + pages <= TASK_PAGES && this.#isFree({ from: at, to: at + pages }))
      return at;
    return this.#topDown(pages);
  }

  mmap(addr: number, len: number, prot: number, flags: number, fd: number, offset: number): number {
    if (offset % PAGE !== 0) return EINVAL;
    const isAnon = (flags & 0x20) !== 0;
    const file = isAnon ? undefined : this.#files.get(fd);
    if (!isAnon && file === undefined) return EBADF;
    if (len === 0) return EINVAL;
    const pages = up(len) / PAGE;
    const isNoreplace = (flags & 0x100000) !== 0;
    const isFixed = (flags & 0x10) !== 0 || isNoreplace;
    if (isFixed && addr % PAGE !== 0) return EINVAL;
    const from = isFixed ? addr / PAGE : this.#place(pages, addr);
    const span = { from, to: from + pages };
    if (isNoreplace && !this.#isFree(span)) return EEXIST;
    const want = this.#newArea(span, prot, { flags, file, offset });
    if (typeof want === 'number') return want;

    const refused = this.#gather(span);
    if (refused !== 0) return refused;
    this.#remove(span);
    if (!this.#mergeNew(span, want)) this.#fill(span, want);
    const populates = has(want.flags, 'lo') || (flags & 0x18000) === 0x8000;
    if (populates) this.#populate(span, 'ignore');
    return from * PAGE;
  }

  #newArea(
    span: Span,
    prot: number,
    { flags, file, offset }: { flags: number; file: FileLook | undefined; offset: number },
  ): Area | number {
    const type = flags & 0xf;
    const codes = new Set(['mr', 'mw', 'me']);
    if (prot & 1) codes.add('rd');
    if (prot & 2) codes.add('wr');
    if (prot & 4) codes.add('ex');
    if (flags & 0x2000) codes.add('lo');
    if (type === 1) for (const code of ['sh', 'ms']) codes.add(code);
    let id = 0;
    let slide = 0;
    if (file !== undefined) {
      if (type !== 1 && type !== 2) return EINVAL;
      if (type === 1 && !file.isWritable) {
        if (prot & 2) return EACCES;
        codes.delete('sh');
        codes.delete('mw');
      }
      id = file.id;
      slide = offset / PAGE - span.from;
    } else if (type === 1) {
      id = this.#nextShmem++;
      const size = span.to - span.from;
      this.objects.set(id, { size, isReserved: (flags & 0x4000) === 0, filled: new Set() });
      slide = -span.from;
    } else if (type === 8) {
      if (codes.has('lo')) return EINVAL;
      for (const code of ['dp', 'nr', 'wf', 'dd']) codes.add(code);
    } else if (type !== 2) return EINVAL;
    if (flags & 0x4000) codes.add('nr');
    if (codes.has('wr') && !codes.has('sh') && !codes.has('nr')) codes.add('ac');
    return { flags: normal(codes), file: id, slide, anon: 0, isForkChild: false };
  }

  /** Splits at the ends, and looks for a seal. @returns EPERM; cuts already made stay. */
  #gather(span: Span): number {
    const first = this.pages.get(span.from);
    const startsInside = first !== undefined && this.pages.get(span.from - 1) === first;
    if (startsInside) {
      if (has(first.flags, 'sl')) return EPERM;
      this.#cut(span.from);
    }
    for (const { area, to } of this.#areasIn(span)) {
      if (has(area.flags, 'sl')) return EPERM;
      if (to === span.to) this.#cut(span.to);
    }
    return 0;
  }

  #remove({ from, to }: Span): void {
    for (let page = from; page < to; page++) {
      this.pages.delete(page);
      this.guards.delete(page);
    }
  }

  munmap(addr: number, len: number): number {
    if (addr % PAGE !== 0 || addr < 0 || len === 0) return EINVAL;
    const span = { from: addr / PAGE, to: (addr + up(len)) / PAGE };
    const refused = this.#gather(span);
    if (refused === 0) this.#remove(span);
    return refused;
  }

  mprotect(addr: number, len: number, prot: number): number {
    if (addr % PAGE !== 0) return EINVAL;
    if (len === 0) return 0;
    if ((prot & ~15) !== 0) return EINVAL;
    const span = { from: addr / PAGE, to: (addr + up(len)) / PAGE };
    const populate: Span[] = [];
    const result = this.#protect(span, prot, populate);
    for (const part of populate) this.#populate(part, 'ignore');
    return result;
  }

  #protect(span: Span, prot: number, populate: Span[]): number {
    for (let from = span.from; from < span.to;) {
      const area = this.pages.get(from);
      if (area === undefined) return ENOMEM;
      const part = { from, to: Math.min(span.to, this.#end(from)) };
      from = part.to;
      const old = area.flags;
      const access = [prot & 1 ? 'rd' : '', prot & 2 ? 'wr' : '', prot & 4 ? 'ex' : ''];
      let flags = plus(minus(old, 'rd', 'wr', 'ex'), ...access);
      if (has(flags, 'wr') && !has(flags, 'mw')) return EACCES;
      if (has(old, 'sl')) return EPERM;
      if (flags === old) continue;
      if (has(flags, 'wr')) {
        if (!has(old, 'ac', 'wr', 'sh', 'nr')) flags = plus(flags, 'ac');
      } else if (has(old, 'ac') && isPrivateAnon(area) && area.anon === 0)
        flags = minus(flags, 'ac');
      this.#modify(part, flags);
      const nowWritable = has(flags, 'wr') && !has(flags, 'sh') && !has(old, 'wr');
      if (has(flags, 'lo') && nowWritable) populate.push(part);
    }
    return 0;
  }

  mlock(addr: number, len: number): number {
    return this.#lock(addr, len, ['lo']);
  }

  /** The programs give it no flags but MLOCK_ONFAULT. */
  mlock2(addr: number, len: number): number {
    return this.#lock(addr, len, ['lo', 'lf']);
  }

  #lock(addr: number, len: number, marks: readonly string[]): number {
    const span = touched(addr, len);
    const result = this.#setLocked(span, marks);
    return result === 0 ? this.#populate(span, 'stop') : result;
  }

  munlock(addr: number, len: number): number {
    return this.#setLocked(touched(addr, len), []);
  }

  #setLocked(span: Span, marks: readonly string[]): number {
    for (let from = span.from; from < span.to;) {
      const area = this.pages.get(from);
      if (area === undefined) return ENOMEM;
      const part = { from, to: Math.min(span.to, this.#end(from)) };
      from = part.to;
      const flags = plus(minus(area.flags, 'lo', 'lf'), ...marks);
      if (flags !== area.flags && !has(area.flags, 'dp')) this.#modify(part, flags);
    }
    return 0;
  }

  mseal(addr: number, len: number): number {
    if (addr % PAGE !== 0) return EINVAL;
    const span = { from: addr / PAGE, to: (addr + up(len)) / PAGE };
    for (let page = span.from; page < span.to; page++) if (!this.pages.has(page)) return ENOMEM;
    for (let from = span.from; from < span.to;) {
      const area = this.pages.get(from) as Area;
      const part = { from, to: Math.min(span.to, this.#end(from)) };
      from = part.to;
      if (!has(area.flags, 'sl')) this.#modify(part, plus(area.flags, 'sl'));
    }
    return 0;
  }

  madvise(addr: number, len: number, advice: number): number {
    const act = ADVICE.get(advice);
    if (act === undefined && advice !== GUARD_INSTALL && advice !== GUARD_REMOVE) return EINVAL;
    if (addr % PAGE !== 0) return EINVAL;
    const span = { from: addr / PAGE, to: (addr + up(len)) / PAGE };
    let hasHole = false;
    for (let from = span.from; from < span.to;) {
      const area = this.pages.get(from);
      if (area === undefined) {
        hasHole = true;
        from++;
        continue;
      }
      const part = { from, to: Math.min(span.to, this.#end(from)) };
      from = part.to;
      const discards = DISCARDING.has(advice) && has(area.flags, 'sl');
      if (discards && isPrivateAnon(area) && !has(area.flags, 'wr')) return EPERM;
      if (act === undefined) {
        const refused = this.#guard(area, part, advice);
        if (refused !== 0) return refused;
        continue;
      }
      const flags = act(area);
      if (flags === null) return EINVAL;
      if (flags !== area.flags) this.#modify(part, flags);
    }
    return hasHole ? ENOMEM : 0;
  }

  #guard(area: Area, { from, to }: Span, advice: number): number {
    if (advice === GUARD_REMOVE) {
      for (let page = from; page < to; page++) this.guards.delete(page);
      return 0;
    }
    if (has(area.flags, 'lo')) return EINVAL;
    area.flags = plus(area.flags, 'gu');
    if (isPrivateAnon(area)) this.#prepare(from);
    for (let page = from; page < to; page++) this.guards.add(page);
    return 0;
  }

  /** Bytes. */
  brk(to: number): number {
    const old = this.brkAt;
    if (to < this.#startBrk) return old;
    const [oldEnd, end] = [up(old) / PAGE, up(to) / PAGE];
    if (end < oldEnd) {
      if (this.#isFree({ from: end, to: oldEnd })) return old;
      if (this.munmap(end * PAGE, (oldEnd - end) * PAGE) !== 0) return old;
    }
    if (end > oldEnd) {
      const span = { from: oldEnd, to: end };
      if (!this.#isFree({ from: oldEnd, to: end + 1 })) return old;
      const want = { flags: 'rd wr mr mw me ac ', file: 0, slide: 0, anon: 0, isForkChild: false };
      // What ends below the heap's start is not the heap, and is not lengthened.
      const hasHeap = oldEnd * PAGE > this.#startBrk;
      if (!hasHeap || !this.#mergeNew(span, want, { onlyLeft: true })) this.#fill(span, want);
    }
    this.brkAt = to;
    return to;
  }

  mremap(addr: number, oldBytes: number, newBytes: number, flags: number, newAddr: number): number {
    if ((flags & ~7) !== 0) return EINVAL;
    if (addr % PAGE !== 0 || newBytes === 0) return EINVAL;
    const move: Move = {
      from: addr / PAGE,
      old: up(oldBytes) / PAGE,
      len: up(newBytes) / PAGE,
      to: newAddr / PAGE,
      flags,
    };
    const given = (flags & (FIXED | DONTUNMAP)) !== 0;
    if (given) {
      if (newAddr % PAGE !== 0 || (flags & MAYMOVE) === 0) return EINVAL;
      if ((flags & DONTUNMAP) !== 0 && move.old !== move.len) return EINVAL;
      if (move.from + move.old > move.to && move.to + move.len > move.from) return EINVAL;
    }
    if ((flags & FIXED) !== 0 && move.old === move.len) return this.#moveAll(move);
    const area = this.pages.get(move.from);
    if (area === undefined) return EFAULT;
    const refused = this.#checkMove(area, move);
    if (refused !== 0) return refused;
    const isLocked = has(area.flags, 'lo');
    const result = given ? this.#moveTo(move) : this.#resize(move);
    if (result >= 0 && isLocked && move.len > move.old && oldBytes !== newBytes) {
      const at = result / PAGE;
      this.#populate({ from: at + move.old, to: at + move.len }, 'ignore');
    }
    return result;
  }

  #checkMove(area: Area, { from, old, len, flags }: Move): number {
    if (has(area.flags, 'sl')) return EPERM;
    const given = (flags & (FIXED | DONTUNMAP)) !== 0;
    if (len <= old && !given) return 0;
    if (old === 0 && !has(area.flags, 'sh', 'ms')) return EINVAL;
    return Math.min(old, len) > this.#end(from) - from ? EFAULT : 0;
  }

  #resize(move: Move): number {
    const { from, old, len, flags } = move;
    const start = from * PAGE;
    if (len === old) return start;
    if (len < old) {
      const refused = this.munmap((from + len) * PAGE, (old - len) * PAGE);
      return refused === 0 ? start : refused;
    }
    const area = this.pages.get(from) as Area;
    const end = this.#end(from);
    const more = { from: end, to: end + len - old };
    if (from + old === end && this.#isFree(more)) {
      this.#mergeNew(more, { ...area });
      return start;
    }
    if ((flags & MAYMOVE) === 0) return ENOMEM;
    return this.#moveArea({ ...move, to: this.#topDown(len) });
  }

  #moveTo(move: Move): number {
    const { from, old, len, flags } = move;
    if ((flags & FIXED) !== 0) {
      const refused = this.munmap(move.to * PAGE, len * PAGE);
      if (refused !== 0) return refused;
      if (!this.pages.has(from)) return EFAULT;
    }
    if (len < old) {
      const refused = this.munmap((from + len) * PAGE, (old - len) * PAGE);
      if (refused !== 0) return refused;
      return this.#moveArea({ ...move, old: len });
    }
    const to = (flags & FIXED) !== 0 ? move.to : this.#place(len, move.to * PAGE);
    return this.#moveArea({ ...move, to });
  }

  #moveAll({ from, old, to, flags }: Move): number {
    const areas = this.#areasIn({ from, to: from + old });
    if (areas.length === 0 || areas[0]?.from !== from) return EFAULT;
    for (const part of areas) {
      const area = this.pages.get(part.from);
      if (area === undefined) continue;
      const len = part.to - part.from;
      const piece = { from: part.from, old: len, len, to: part.from + to - from, flags };
      const refused = this.#checkMove(area, piece);
      if (refused !== 0) return refused;
      const moved = this.#moveTo(piece);
      if (moved < 0) return moved;
    }
    return to * PAGE;
  }

  #moveArea({ from, old, len, to, flags }: Move): number {
    const source = this.pages.get(from) as Area;
    const sourceSize = this.#end(from) - this.#start(from);
    const rebased = isPrivateAnon(source) && source.anon === 0;
    const span = { from: to, to: to + len };
    const want = { ...source, slide: rebased ? 0 : source.slide + from - to };
    if (!this.#mergeNew(span, want, { source })) this.#fill(span, want);
    this.#moveGuards({ from, to: from + Math.min(old, len) }, to);
    if ((flags & DONTUNMAP) === 0) {
      if (old > 0) this.munmap(from * PAGE, old * PAGE);
      return to * PAGE;
    }
    const left = this.pages.get(from) as Area; // the source, or what it has become a part of
    left.flags = minus(left.flags, 'lo', 'lf');
    if (left !== this.pages.get(to) && len === sourceSize) {
      left.anon = 0;
      left.isForkChild = false;
    }
    return to * PAGE;
  }

  /** What is in page tables moves with them. */
  #moveGuards({ from, to: end }: Span, to: number): void {
    for (let page = from; page < end; page++) {
      if (this.guards.delete(page)) this.guards.add(page - from + to);
    }
  }

  /** The child's address space. */
  fork(): PageMap {
    const child = new PageMap({ top: this.#top, startBrk: this.#startBrk }, this.#files, this);
    const copies = new Map<Area, Area>();
    for (const [page, area] of this.pages) {
      if (has(area.flags, 'dc')) continue;
      let copy = copies.get(area);
      if (copy === undefined) {
        const isWiped = has(area.flags, 'wf') || area.anon === 0;
        const anon = isWiped ? 0 : child.#nextGroup++;
        copy = { ...area, flags: minus(area.flags, 'lo', 'lf'), anon, isForkChild: !isWiped };
        copies.set(area, copy);
      }
      child.pages.set(page, copy);
      if (this.guards.has(page) && !has(area.flags, 'wf')) child.guards.add(page);
    }
    return child;
  }
}

const [MAYMOVE, FIXED, DONTUNMAP] = [1, 2, 4] as const;

/** Pages. */
interface Move {
  readonly from: number;
  readonly old: number;
  readonly len: number;
  readonly to: number;
  readonly flags: number;
}

const hasOneAnon = (a: Area, b: Area): boolean => a.anon === 0 || b.anon === 0 || a.anon === b.anon;

/** Whether an unfaulted area may use the anon_vma of the one beside it. */
function canShare(donor: Area, area: Area): boolean {
  const plain = (flags: string): string => minus(flags, 'rd', 'wr', 'ex', 'gu');
  if (donor.anon === 0 || donor.isForkChild) return false;
  return (
    donor.file === area.file &&
    donor.slide === area.slide &&
    plain(donor.flags) === plain(area.flags)
  );
}

/** @returns the highest mapped page of a span, or -1. */
function lastTaken(pages: ReadonlyMap<number, Area>, from: number, to: number): number {
  for (let page = to - 1; page >= from; page--) if (pages.has(page)) return page;
  return -1;
}

function touched(addr: number, len: number): Span {
  const start = Math.floor(addr / PAGE);
  if (len === 0 && addr % PAGE === 0) return { from: start, to: start };
  return { from: start, to: Math.ceil((addr + len) / PAGE) };
}

const [GUARD_INSTALL, GUARD_REMOVE] = [102, 103] as const;
const DISCARDING = new Set([10, 18, GUARD_INSTALL]);

const isForKsm = ({ flags }: Area): boolean => !has(flags, 'sh', 'ms', 'dp');

/** What an advice makes of the flags; null: EINVAL. */
const ADVICE: ReadonlyMap<number, (area: Area) => string | null> = new Map([
  [0, ({ flags }: Area) => minus(flags, 'sr', 'rr')],
  [1, ({ flags }: Area) => plus(minus(flags, 'sr'), 'rr')],
  [2, ({ flags }: Area) => plus(minus(flags, 'rr'), 'sr')],
  [10, ({ flags }: Area) => plus(flags, 'dc')],
  [11, ({ flags }: Area) => minus(flags, 'dc')],
  [12, (area: Area) => (isForKsm(area) ? plus(area.flags, 'mg') : area.flags)],
  [13, ({ flags }: Area) => minus(flags, 'mg')],
  [14, ({ flags }: Area) => plus(minus(flags, 'nh'), 'hg')],
  [15, ({ flags }: Area) => plus(minus(flags, 'hg'), 'nh')],
  [16, ({ flags }: Area) => plus(flags, 'dd')],
  [17, ({ flags }: Area) => (has(flags, 'dp') ? null : minus(flags, 'dd'))],
  [18, (area: Area) => (area.file !== 0 || has(area.flags, 'sh') ? null : plus(area.flags, 'wf'))],
  [19, ({ flags }: Area) => (has(flags, 'dp') ? null : minus(flags, 'wf'))],
] as [number, (area: Area) => string | null][]);

/** The advice that a program may give. */
export const KNOWN_ADVICE: readonly number[] = [...ADVICE.keys(), GUARD_INSTALL, GUARD_REMOVE, 77];
