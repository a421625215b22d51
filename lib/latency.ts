import { invalidArgument } from './errors';
import type { NativeLatencySnapshot, NativeSession } from './native';

/** The parts of a run, in order. The index is native/core/latency.h's. */
const phases = ['queue', 'bind', 'invoke', 'fetch', 'total'] as const;

/** A part of a run, or the whole. */
export type LatencyPhase = (typeof phases)[number];

/** Statistics of one phase; all but `count` in nanoseconds. */
export type LatencySnapshot = Readonly<NativeLatencySnapshot>;

/**
 * The latency of one phase of a session's successful runs: a log-linear
 * histogram of 2 significant digits over 1 ns to 1 h.
 */
export class PhaseLatency {
  readonly #session: NativeSession;
  readonly #phase: number;

  /** @internal */
  constructor(session: NativeSession, phase: number) {
    this.#session = session;
    this.#phase = phase;
  }

  /**
   * The value that `percentile` percent of the samples do not exceed, in
   * nanoseconds; 0 without samples.
   *
   * @param percentile - 0 to 100
   * @throws OnliteError ERR_INVALID_ARGUMENT for anything else.
   */
  percentile(percentile: number): number {
    if (typeof percentile !== 'number' || !(percentile >= 0 && percentile <= 100)) {
      throw invalidArgument('percentile', 'a number from 0 to 100', percentile);
    }
    return this.#session.latencyPercentile(this.#phase, percentile);
  }

  /** Count, minimum, mean, standard deviation, percentiles and maximum now. */
  snapshot(): LatencySnapshot {
    return this.#session.latencySnapshot(this.#phase);
  }
}

/**
 * Where a session's runs spend their time. Asynchronous runs record every phase:
 * `queue` waiting for a thread, `bind` handing the inputs to the runtime,
 * `invoke` inside it, `fetch` taking the outputs out, `total` from the call to
 * the result. Synchronous runs record `invoke` and `total`.
 */
export class SessionLatency {
  readonly queue: PhaseLatency;
  readonly bind: PhaseLatency;
  readonly invoke: PhaseLatency;
  readonly fetch: PhaseLatency;
  readonly total: PhaseLatency;
  readonly #session: NativeSession;

  /** @internal */
  constructor(session: NativeSession) {
    this.#session = session;
    const phase = (name: LatencyPhase): PhaseLatency =>
      new PhaseLatency(session, phases.indexOf(name));
    this.queue = phase('queue');
    this.bind = phase('bind');
    this.invoke = phase('invoke');
    this.fetch = phase('fetch');
    this.total = phase('total');
  }

  /** Forgets every sample. */
  reset(): void {
    this.#session.latencyReset();
  }
}
