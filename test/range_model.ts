/**
 * The range tree in its plainest form, a sorted list, for tests to compare with. It
 * shares no line with the tree.
 */
import { assert } from '../src/engine/arena/assert.ts';
import { EBUSY, EINVAL } from '../src/engine/arena/errno.ts';

/** Inclusive on both ends; entry 0 is a gap. */
export interface Range {
  readonly index: number;
  readonly last: number;
  readonly entry: number;
}

const END = Number.MAX_SAFE_INTEGER;

export class RangeModel {
  /** Disjoint, ascending, without gaps' entries. */
  ranges: Range[] = [];

  /** The first range that ends at or after `index`. */
  private from(index: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rangeAt(middle).last < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private rangeAt(i: number): Range {
    const range = this.ranges[i];
    assert(range !== undefined, 'the model has this range');
    return range;
  }

  store(index: number, last: number, entry: number): void {
    const first = this.from(index);
    const parts: Range[] = [];
    let end = first;
    for (; end < this.ranges.length && this.rangeAt(end).index <= last; end++) {
      const old = this.rangeAt(end);
      if (old.index < index) parts.push({ ...old, last: index - 1 });
      if (old.last > last) parts.push({ ...old, index: last + 1 });
    }
    if (entry !== 0) {
      const before = parts[0] !== undefined && parts[0].index < index ? 1 : 0;
      parts.splice(before, 0, { index, last, entry });
    }
    this.ranges.splice(first, end - first, ...parts);
  }

  /** The range or gap around `index`. */
  walk(index: number): Range {
    const i = this.from(index);
    const range = this.ranges[i];
    if (range !== undefined && range.index <= index) return range;
    return {
      index: i === 0 ? 0 : this.rangeAt(i - 1).last + 1,
      last: range === undefined ? END : range.index - 1,
      entry: 0,
    };
  }

  /** The first range that ends at or after `index`. */
  find(index: number): Range | null {
    return this.ranges[this.from(index)] ?? null;
  }

  /** The last range that starts at or before `index`. */
  findRev(index: number): Range | null {
    const at = this.walk(index);
    return at.entry !== 0 ? at : (this.ranges[this.from(index) - 1] ?? null);
  }

  gaps(): Range[] {
    const gaps: Range[] = [];
    let index = 0;
    for (const range of this.ranges) {
      if (range.index > index) gaps.push({ index, last: range.index - 1, entry: 0 });
      index = range.last + 1;
    }
    if (index <= END) gaps.push({ index, last: END, entry: 0 });
    return gaps;
  }

  /** Where the lowest (or highest) `size` free indexes of [min, max] begin, or an errno. */
  emptyArea(area: { min: number; max: number; size: number }, side: 'lowest' | 'highest'): number {
    const { min, max, size } = area;
    if (size === 0 || min > max || max - min < size - 1) return EINVAL;
    const places = this.gaps()
      .map((gap) => ({ index: Math.max(gap.index, min), last: Math.min(gap.last, max) }))
      .filter((gap) => gap.last - gap.index >= size - 1);
    const place = side === 'lowest' ? places[0] : places.at(-1);
    if (place === undefined) return EBUSY;
    return side === 'lowest' ? place.index : place.last - size + 1;
  }
}
