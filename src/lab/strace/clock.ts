/** Turns the stamps of `-ttt`, `-tt`, `-t` and `-r` into seconds that only grow. */

const DAY = 86400;

/** Below this a number of seconds is an interval; above it, a date (after 1973). */
export const EPOCH_FROM = 100_000_000;

/**
 * One clock for one log.
 *
 *     -ttt  1795163264.473153   seconds of the epoch
 *     -tt   23:59:59.998000     seconds of the first day; after midnight it counts on
 *     -t    23:59:59            the same, in whole seconds
 *     -r    0.000047            since the line before: summed, so seconds of the log
 */
export class Clock {
  #midnights = 0;
  #lastOfDay = 0;
  /** Microseconds, so that a million small steps add up exactly. */
  #elapsed = 0;

  /** @param micros of the epoch, or since the line before when small. */
  stamp(micros: number): number {
    if (micros >= EPOCH_FROM * 1e6) return micros / 1e6;
    this.#elapsed += micros;
    return this.#elapsed / 1e6;
  }

  /** @param micros since midnight. */
  timeOfDay(micros: number): number {
    // Threads may be printed slightly out of order; only a step back of hours is midnight.
    if (micros < this.#lastOfDay - (DAY / 2) * 1e6) this.#midnights++;
    this.#lastOfDay = micros;
    return (this.#midnights * DAY * 1e6 + micros) / 1e6;
  }
}
