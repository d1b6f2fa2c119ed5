/**
 * Who can run, and who rests on which word: as a futex has it, first come first served and never
 * woken without a cause; or spinning until the word changes.
 */
const AWAKE = 0;
const SLEEPS = 1;
const SPINS = 2;
/** Woken, and has not run since. */
const WOKEN = 3;

export class Sleepers {
  /** A bit for each thread that can take a step. */
  enabled = 0;
  /** A bit for each sleeper whose wait may end by itself, but only when nobody else can run. */
  patient = 0;
  /** How many spin. */
  spinning = 0;
  readonly #state: Uint8Array;
  readonly #at: Int32Array;
  readonly #expected: Int32Array;
  readonly #timeouts: Int32Array;
  readonly #queue: number[] = [];
  readonly #limit: number;

  /** `limit`: how many waits of a thread may time out although others can run. */
  constructor(threads: number, limit: number) {
    this.#state = new Uint8Array(threads);
    this.#at = new Int32Array(threads);
    this.#expected = new Int32Array(threads);
    this.#timeouts = new Int32Array(threads);
    this.#limit = limit;
  }

  reset(): void {
    this.enabled = 2 ** this.#state.length - 1;
    this.patient = 0;
    this.spinning = 0;
    this.#state.fill(AWAKE);
    this.#timeouts.fill(0);
    this.#queue.length = 0;
  }

  /** The thread is over. */
  retire(thread: number): void {
    this.enabled &= ~(1 << thread);
  }

  isResting(thread: number): boolean {
    return this.#state[thread] !== AWAKE;
  }

  /** The word on which a thread rests. */
  wordOf(thread: number): number {
    return this.#at[thread] ?? 0;
  }

  isSpinning(thread: number): boolean {
    return this.#state[thread] === SPINS;
  }

  sleep(thread: number, at: number, mayTimeOut: boolean): void {
    this.#state[thread] = SLEEPS;
    this.#at[thread] = at;
    this.#queue.push(thread);
    if (mayTimeOut && (this.#timeouts[thread] ?? 0) < this.#limit) return;
    this.enabled &= ~(1 << thread);
    if (mayTimeOut) this.patient |= 1 << thread;
  }

  /** Ends the rest of a thread that runs again. @returns whether somebody woke it. */
  rise(thread: number): boolean {
    const wasWoken = this.#state[thread] === WOKEN;
    this.#state[thread] = AWAKE;
    if (!wasWoken) this.#timeOut(thread);
    return wasWoken;
  }

  #timeOut(thread: number): void {
    this.#queue.splice(this.#queue.indexOf(thread), 1);
    this.#timeouts[thread] = (this.#timeouts[thread] ?? 0) + 1;
    this.enabled |= 1 << thread;
    this.patient &= ~(1 << thread);
  }

  /** Wakes up to `count` who sleep on a word. @returns a bit for each. */
  wake(at: number, count: number): number {
    let woke = 0;
    let left = count;
    for (let i = 0; i < this.#queue.length && left > 0;) {
      const thread = this.#queue[i] ?? 0;
      if (this.#at[thread] !== at) {
        i++;
        continue;
      }
      this.#queue.splice(i, 1);
      this.#state[thread] = WOKEN;
      woke |= 1 << thread;
      left--;
    }
    this.enabled |= woke;
    this.patient &= ~woke;
    return woke;
  }

  spin(thread: number, at: number, value: number): void {
    this.#state[thread] = SPINS;
    this.#at[thread] = at;
    this.#expected[thread] = value;
    this.enabled &= ~(1 << thread);
    this.spinning++;
  }

  /** A word was written: who spins on it looks again. */
  written(at: number, value: number): void {
    for (let thread = 0; thread < this.#state.length; thread++) {
      if (this.#state[thread] !== SPINS || this.#at[thread] !== at) continue;
      if (this.#expected[thread] === value) continue;
      this.#state[thread] = AWAKE;
      this.enabled |= 1 << thread;
      this.spinning--;
    }
  }

  /** Mixes into `hash` who rests where, and in which order they will be woken. */
  hash(hash: (value: number) => void): void {
    for (let thread = 0; thread < this.#state.length; thread++) {
      hash((this.#state[thread] ?? 0) + 4 * (this.#timeouts[thread] ?? 0));
      if (this.#state[thread] !== AWAKE) hash(this.#at[thread] ?? 0);
    }
    for (const thread of this.#queue) hash(thread);
  }
}
