import type { StubEnds } from './channel.ts';
import { isGone } from './death.ts';
import { AREA_BYTES, AREA_START, AREAS } from './stub_code.ts';

/** What the threads of one process share: descriptors and the mapping of the work areas. */
export class ThreadGroup {
  readonly pid: number;
  readonly #ends = new Set<StubEnds>();
  /** Which thread had an area last. */
  readonly #areas = new Map<number, number>();

  constructor(pid: number) {
    this.pid = pid;
  }

  get size(): number {
    return this.#ends.size;
  }

  /** The descriptors of all threads: a copy of the process inherits them. */
  get descriptors(): number[] {
    return [...this.#ends].flatMap(({ input, output }) => [input, output]);
  }

  /** @returns an area that no living thread uses, or undefined: at most 16 threads have one. */
  freeArea(): number | undefined {
    const all = Array.from({ length: AREAS }, (_, i) => AREA_START + i * AREA_BYTES);
    return all.find((area) => {
      const tid = this.#areas.get(area);
      return tid === undefined || isGone(tid);
    });
  }

  enter(tid: number, area: number, ends: StubEnds): void {
    this.#areas.set(area, tid);
    this.#ends.add(ends);
  }

  leave(ends: StubEnds): void {
    this.#ends.delete(ends);
  }
}
