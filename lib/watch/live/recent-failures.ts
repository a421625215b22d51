/** So many requests are looked back at. */
const LAST = 1000;

/** The last requests, each failed or not. */
export class RecentFailures {
  readonly #last = new Uint8Array(LAST);
  #requests = 0;
  #failed = 0;

  add(isFailure: boolean): void {
    const at = this.#requests++ % LAST;
    this.#failed += Number(isFailure) - (this.#last[at] ?? 0);
    this.#last[at] = Number(isFailure);
  }

  get counts(): { readonly requests: number; readonly failed: number } {
    return { requests: Math.min(this.#requests, LAST), failed: this.#failed };
  }
}
