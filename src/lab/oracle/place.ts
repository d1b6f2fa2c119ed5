import type { Random } from './random.ts';
import type { SmapsVma } from './vmas.ts';

export const PAGE = 4096;
/** Where mappings at an address of our choice go: 98 pages, crowded so that they meet. */
export const WINDOW_START = 0x200000000000;
const WINDOW_PAGES = 0x62;
const LONGEST = 12;

/** An address range, in bytes. */
export interface Range {
  readonly addr: number;
  readonly len: number;
}

/** Chooses addresses near what is mapped. */
export class Places {
  readonly #random: Random;
  readonly #vmas: readonly SmapsVma[];

  constructor(random: Random, vmas: readonly SmapsVma[]) {
    this.#random = random;
    this.#vmas = vmas.filter((vma) => vma.path !== '[heap]');
  }

  /** A length of a few pages, rarely one that is not whole pages. */
  length(): number {
    const len = (1 + this.#random.below(LONGEST)) * PAGE;
    if (this.#random.chance(0.3)) return PAGE;
    return this.#random.chance(0.06) ? len + this.#random.pick([1, -1, -100]) : len;
  }

  /** An address for a new mapping: over, beside or far from what is there. */
  free(len: number): number {
    const vma = this.#vma();
    const kind = this.#random.below(10);
    if (vma === undefined || kind < 4) return this.#inWindow();
    const start = Number(vma.start);
    if (kind < 5) return Number(vma.end);
    if (kind < 6) return Math.max(start - pageUp(len), PAGE);
    if (kind < 8) return this.#within(vma);
    return start;
  }

  /** A range to operate on: mostly inside a mapping, sometimes across its end, sometimes none. */
  used(): Range {
    const vma = this.#vma();
    if (vma === undefined || this.#random.chance(0.15)) return this.#nowhere();
    const addr = this.#random.chance(0.5) ? Number(vma.start) : this.#within(vma);
    const rest = Number(vma.end) - addr;
    const kind = this.#random.below(10);
    if (kind < 3) return { addr, len: PAGE };
    if (kind < 6) return { addr, len: Math.min(rest, LONGEST * PAGE) };
    if (kind < 8) return { addr, len: this.#part(rest) };
    return this.#random.chance(0.5) ? this.#across(addr, rest) : this.#before(addr);
  }

  /** One page below a mapping, as far as stacks grow or are kept apart, or farther. */
  below(): Range {
    const vma = this.#vma();
    if (vma === undefined) return this.#nowhere();
    const pages = this.#random.pick([1, 2, 8, 100, 255, 256, 257]);
    return { addr: Math.max(Number(vma.start) - pages * PAGE, PAGE), len: PAGE };
  }

  #part(bytes: number): number {
    return (1 + this.#random.below(Math.min(bytes / PAGE, LONGEST))) * PAGE;
  }

  #across(addr: number, rest: number): Range {
    const pages = Math.min(rest / PAGE, LONGEST) + 1 + this.#random.below(5);
    return { addr, len: pages * PAGE };
  }

  #before(addr: number): Range {
    const lead = (1 + this.#random.below(4)) * PAGE;
    const from = Math.max(addr - lead, PAGE);
    return { addr: from, len: lead + this.#random.below(6) * PAGE };
  }

  #nowhere(): Range {
    if (this.#random.chance(0.3)) return { addr: WINDOW_START, len: PAGE };
    return { addr: this.#inWindow(), len: (1 + this.#random.below(LONGEST)) * PAGE };
  }

  #inWindow(): number {
    return WINDOW_START + this.#random.below(WINDOW_PAGES) * PAGE;
  }

  #within(vma: SmapsVma): number {
    const pages = Math.min(Number(vma.end - vma.start) / PAGE, 64);
    return Number(vma.start) + this.#random.below(pages) * PAGE;
  }

  #vma(): SmapsVma | undefined {
    return this.#vmas.length === 0 ? undefined : this.#random.pick(this.#vmas);
  }
}

/** Rounded up to whole pages. */
export function pageUp(bytes: number): number {
  return Math.ceil(bytes / PAGE) * PAGE;
}

/** A number as operations write it. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
