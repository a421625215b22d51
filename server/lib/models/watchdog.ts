import { Members } from '../members';

/** A run that is watched. */
export interface WatchedRun {
  readonly since: number;
  /** Nobody waits for it any more, and nobody hears of its end. */
  isGivenUp: boolean;
}

/** Later runs that were given up, too, before one that was given up is taken for one without end. */
const LATER = 3;

const LEAST_LOOK_MS = 20;

/** Where more are known, no more that were given up are: those before them say as much. */
const MOST_KNOWN = 4096;

/**
 * Tells of runs that do not end. One that was given up may have ended since, which nobody hears of: it counts when
 * others after it were given up as well and none has ended.
 */
export class Watchdog {
  readonly #maxRunMs: number;
  readonly #tell: (problem: string | undefined) => void;
  readonly #runs = new Members<WatchedRun>();
  readonly #timer: NodeJS.Timeout;
  #isBarking = false;

  /** @param tell - of what is wrong, and undefined when nothing is any more */
  constructor(maxRunMs: number, tell: (problem: string | undefined) => void) {
    this.#maxRunMs = maxRunMs;
    this.#tell = tell;
    this.#timer = setInterval(() => this.#look(), Math.max(maxRunMs / 4, LEAST_LOOK_MS));
    this.#timer.unref();
  }

  began(since: number): WatchedRun {
    const run = { since, isGivenUp: false };
    this.#runs.add(run);
    return run;
  }

  /** As far as that is known it was the last that had to end: whoever is not ready is asked for no other. */
  gaveUp(run: WatchedRun): void {
    run.isGivenUp = true;
    if (this.#runs.size > MOST_KNOWN) this.#runs.delete(run);
    this.#calmDown();
  }

  /** It has ended, and with it what was given up before it began. */
  ended(run: WatchedRun): void {
    this.#runs.delete(run);
    for (const other of this.#runs) {
      if (other.isGivenUp && other.since <= run.since) this.#runs.delete(other);
    }
    this.#calmDown();
  }

  #calmDown(): void {
    if (!this.#isBarking || this.#endless() !== undefined) return;
    this.#isBarking = false;
    this.#tell(undefined);
  }

  /** What was under way is no more. */
  forget(): void {
    this.#runs.clear();
    this.#isBarking = false;
  }

  #endless(): WatchedRun | undefined {
    const before = performance.now() - this.#maxRunMs;
    const all = [...this.#runs];
    return all.find(
      ({ since, isGivenUp }, index) =>
        since <= before &&
        (!isGivenUp || all.slice(index + 1).filter((later) => later.isGivenUp).length >= LATER),
    );
  }

  #look(): void {
    if (this.#isBarking || this.#endless() === undefined) return;
    this.#isBarking = true;
    this.#tell(`a run has not ended for more than ${this.#maxRunMs} ms`);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
