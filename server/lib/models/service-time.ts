/** Runs after which one counts for no more than a sixteenth of the mean. */
const WINDOW = 16;

/** From so many runs on one counts for no more than {@link MOST_GROWTH} times the mean. */
const KNOWN_FROM = 8;
const MOST_GROWTH = 4;

/**
 * How long a model's runs take, as they were lately: an exponentially weighted mean in which one slow run, be it of
 * seconds, counts for no more than a few.
 */
export class ServiceTime {
  readonly #parallel: number;
  #count = 0;
  #intervalMs = 0;

  /** @param parallel - runs that may be made at a time */
  constructor(parallel: number) {
    this.#parallel = parallel;
  }

  /**
   * A run has ended.
   *
   * @param ms - since it was handed over
   * @param underWay - how many were handed over and not ended then, itself among them: by Little's law one
   *   of them ended in that part of its time, whatever else the threads had to do
   */
  ended(ms: number, underWay: number): void {
    const interval = ms / Math.max(underWay, this.#parallel);
    const isKnown = this.#count >= KNOWN_FROM;
    const counted = isKnown ? Math.min(interval, this.#intervalMs * MOST_GROWTH) : interval;
    this.#count = Math.min(this.#count + 1, WINDOW);
    this.#intervalMs += (counted - this.#intervalMs) / this.#count;
  }

  /** A run was given up after so long: it would have taken more. */
  gaveUp(ms: number, underWay: number): void {
    if (ms / Math.max(underWay, this.#parallel) > this.#intervalMs) this.ended(ms, underWay);
  }

  /** Milliseconds between the ends of two runs while others wait; 0 as long as that is not known. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Milliseconds of one run. */
  get runMs(): number {
    return this.#intervalMs * this.#parallel;
  }

  /** Milliseconds until the last of so many has ended. */
  until(count: number): number {
    return this.#intervalMs * Math.max(count, this.#parallel);
  }
}
