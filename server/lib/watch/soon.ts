import type { RequestSampler } from 'onlite/watch';

import type { Lease, RecordedRun, Recorder, RunError } from '../models';

/** Requests whose tensors are held until they are read; what comes on top is read at once. */
const MOST_WAITING = 64;

/** Those that were left out are told of so late at most, unless they are very many. */
const TELL_MS = 1000;

/**
 * Reads requests after their answers were sent: those of one turn of the event loop are read in the next one, when what
 * that has answered is on its way.
 */
export class SoonRecorder implements Recorder {
  readonly #sampler: RequestSampler;
  readonly #record: (run: RecordedRun) => void;
  readonly #lose: () => void;
  readonly #tell: () => void;
  #timer: NodeJS.Timeout | undefined;
  #waiting: [lease: Lease, end: () => void][] = [];

  /**
   * @param sampler - chooses the requests that are looked at
   * @param record - has to be done with the tensors when it returns
   * @param lose - told of a request that could not be recorded, for want of memory for example
   * @param tell - tells of those that the sampler has left out
   */
  constructor(
    sampler: RequestSampler,
    record: (run: RecordedRun) => void,
    lose: () => void,
    tell: () => void,
  ) {
    this.#sampler = sampler;
    this.#record = record;
    this.#lose = lose;
    this.#tell = tell;
  }

  samples(): number {
    return this.#sampler.next();
  }

  passed(requestId: string | undefined, error: RunError | undefined): void {
    this.#sampler.passed(requestId, error);
    if (this.#sampler.isFull) this.#tell();
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, TELL_MS).unref();
  }

  take(lease: Lease, end: () => void): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#read(lease, end);
      return;
    }
    if (this.#waiting.push([lease, end]) > 1) return;
    // Answers of a turn are sent at its end (`together`), which may be asked for after this.
    setImmediate(() => setImmediate(() => this.#drain()));
  }

  #drain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [lease, end] of waiting) this.#read(lease, end);
  }

  #read(lease: Lease, end: () => void): void {
    try {
      const run = lease.recorded;
      this.#record(run);
      this.#sampler.looked(run.inputs, run.outputs);
    } catch {
      this.#lose();
    } finally {
      end();
    }
  }
}
