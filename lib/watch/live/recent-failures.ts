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

  /** Several, of which some failed: evenly, as their order is not known. */
  addAll(requests: number, failed: number): void {
    const failedOf = (index: number): number => Math.floor((index * failed) / requests);
    // Of more the others would be pushed out at once.
    const from = Math.max(0, requests - LAST);
    for (let index = from; index < requests; index++) {
      this.add(failedOf(index + 1) > failedOf(index));
    }
  }

  get counts(): { readonly requests: number; readonly failed: number } {
    return { requests: Math.min(this.#requests, LAST), failed: this.#failed };
  }
}
