const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 300_000;

interface Failure {
  /** What it was that failed: something else may be tried at once. */
  readonly state: string;
  readonly tries: number;
  readonly notBefore: number;
}

/** When what failed may be tried again: after longer and longer times, or once it has changed. */
export class BackOff {
  readonly #failures = new Map<string, Failure>();

  mayTry(key: string, state: string): boolean {
    const failure = this.#failures.get(key);
    return failure?.state !== state || Date.now() >= failure.notBefore;
  }

  /** @returns how often it has failed like this */
  failed(key: string, state: string): number {
    const before = this.#failures.get(key);
    const tries = before?.state === state ? before.tries + 1 : 1;
    const wait = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LAST_RETRY_MS);
    this.#failures.set(key, { state, tries, notBefore: Date.now() + wait });
    return tries;
  }

  forget(key: string): boolean {
    return this.#failures.delete(key);
  }

  get keys(): string[] {
    return [...this.#failures.keys()];
  }
}
