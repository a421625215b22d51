/** What a client may do so often at once, and so often each second after that (a token bucket). */
export class Allowance {
  readonly #atOnce: number;
  readonly #perSecond: number;
  #left: number;
  #at = performance.now();

  constructor(atOnce: number, perSecond: number) {
    this.#atOnce = atOnce;
    this.#perSecond = perSecond;
    this.#left = atOnce;
  }

  /** Does it once more. False if that is too often. */
  take(): boolean {
    const now = performance.now();
    const gained = ((now - this.#at) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#atOnce, this.#left + gained) - 1;
    this.#at = now;
    return this.#left >= 0;
  }

  /** As at the beginning. */
  refill(): void {
    this.#left = this.#atOnce;
  }
}
