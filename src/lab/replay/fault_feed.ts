import type { Faults } from './faults.ts';

/** Farther than this from the log's times, faults are of another clock: a day. */
const OTHER_CLOCK = 86400;

/** Hands out page faults in the order of time, as the log goes on. */
export class FaultFeed {
  readonly #faults: Faults;
  readonly #sink: (tid: number, addr: number, touch: FaultTouch) => void;
  #next = 0;
  #isChecked = false;
  /** False once the times turn out not to be the log's. */
  isUsable: boolean;

  constructor(faults: Faults, sink: (tid: number, addr: number, touch: FaultTouch) => void) {
    this.#faults = faults;
    this.#sink = sink;
    this.isUsable = faults.count > 0;
  }

  /** Looks at the first time of the log. @returns whether the faults can be used. */
  check(time: number | null): boolean {
    if (this.#isChecked) return this.isUsable;
    this.#isChecked = true;
    const last = this.#faults.times[this.#faults.count - 1] ?? 0;
    const first = this.#faults.times[0] ?? 0;
    const isNear = time !== null && time > first - OTHER_CLOCK && time < last + OTHER_CLOCK;
    this.isUsable &&= isNear;
    return this.isUsable;
  }

  /** Hands out the faults up to a time. */
  drain(time: number | null): void {
    if (time === null || !this.isUsable) return;
    const { count, times, tids, addrs, writes, kernels } = this.#faults;
    while (this.#next < count && (times[this.#next] ?? 0) <= time) {
      const i = this.#next++;
      const access = writes[i] === 1 ? 'write' : 'read';
      const isKernel = kernels[i] === 1;
      this.#sink(tids[i] ?? 0, addrs[i] ?? 0, { access, isKernel, time: times[i] ?? 0 });
    }
  }
}

export interface FaultTouch {
  readonly access: 'read' | 'write';
  /** Made by the kernel, inside a call or an exec. */
  readonly isKernel: boolean;
  readonly time: number;
}
