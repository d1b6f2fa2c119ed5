/** What a tree holds, as a sorted list: which VMAs there are while an operation is going on. */

export interface Range {
  /** Bytes. */
  readonly start: number;
  /** Bytes, exclusive. */
  readonly end: number;
}

export class Ranges {
  #list: Range[];

  constructor(list: readonly Range[] = []) {
    this.#list = list.toSorted((a, b) => a.start - b.start);
  }

  /** Replaces all that was in a range. */
  store({ start, end }: Range, isHole: boolean): void {
    const kept = this.#list.flatMap((one) => [
      { start: one.start, end: Math.min(one.end, start) },
      { start: Math.max(one.start, end), end: one.end },
    ]);
    if (!isHole) kept.push({ start, end });
    this.#list = kept.filter((one) => one.start < one.end).toSorted((a, b) => a.start - b.start);
  }

  /** Whether exactly this range is one VMA. */
  isOne({ start, end }: Range): boolean {
    return this.#list.some((one) => one.start === start && one.end === end);
  }

  isEmpty({ start, end }: Range): boolean {
    return !this.#list.some((one) => one.start < end && one.end > start);
  }
}
