import type { OnliteErrorCode } from '../../errors';
import { HistogramReader, type LatencySnapshot } from './histogram-reader';
import { adoptHistogram, type LatencyHistogram } from './latency-histogram';
import type { NativeHistogram, NativeSession } from '../addon/native';

/** The parts of a run, in order. The index is that of Phase in native/core/run_statistics.h. */
export const phases = ['queue', 'bind', 'invoke', 'fetch', 'total'] as const;

/** A part of a run, or the whole. */
export type LatencyPhase = (typeof phases)[number];

/** Something for each error code that a run has failed with. */
export type ByErrorCode<Value> = Readonly<Partial<Record<OnliteErrorCode, Value>>>;

/** What became of a session's runs. */
export interface LatencyCounters {
  /** Runs that succeeded. */
  readonly runs: number;
  /** Runs that failed, by code; cancelled and timed out ones are among them. */
  readonly errors: ByErrorCode<number>;
  /** Runs that failed with ERR_CANCELLED. */
  readonly cancelled: number;
  /** Runs that failed with ERR_TIMEOUT. */
  readonly timedOut: number;
  /** Runs that were refused with ERR_QUEUE_FULL; not among the errors. */
  readonly rejected: number;
}

/** A session's statistics at one moment or of one interval; see {@link SessionLatency}. */
export interface SessionStatistics<Samples> extends Readonly<Record<LatencyPhase, Samples>> {
  /** The total of failed runs. */
  readonly failures: ByErrorCode<Samples>;
  readonly counters: LatencyCounters;
  /** How many batches had so many rows; empty without batching. */
  readonly batchSizes: Readonly<Record<number, number>>;
}

/** Numbers since the last reset. */
export type SessionLatencySnapshot = SessionStatistics<LatencySnapshot>;

/** Histograms of what came since the last interval. */
export type SessionLatencyInterval = SessionStatistics<LatencyHistogram>;

/**
 * The latency of one phase of a session's successful runs, or the total of those
 * that failed with one code: a log-linear histogram of 2 significant digits over
 * 1 ns to 1 h. It can be read after the session's release too.
 */
export class PhaseLatency extends HistogramReader {
  readonly #native: NativeHistogram;
  readonly #beforeReset: () => void;

  /** @internal */
  constructor(histogram: NativeHistogram, beforeReset: () => void) {
    super(histogram);
    this.#native = histogram;
    this.#beforeReset = beforeReset;
  }

  /** A histogram of its own with the samples that there are now. */
  copy(): LatencyHistogram {
    return adoptHistogram(this.#native.copy());
  }

  /**
   * The samples since the last interval was taken here or by
   * {@link SessionLatency.interval}, since a reset, or all. Each sample is in one
   * interval; nothing is taken away.
   */
  interval(): LatencyHistogram {
    return adoptHistogram(this.#native.interval());
  }

  /** Forgets every sample of this histogram. */
  reset(): void {
    this.#beforeReset();
    this.#native.reset();
  }
}

/**
 * Where a session's runs spend their time and what becomes of them.
 *
 * The phases are those of runs that succeeded. Asynchronous runs record every
 * one: `queue` waiting for a thread, `bind` handing the inputs to the runtime,
 * `invoke` inside it, `fetch` taking the outputs out, `total` from the call to the
 * result. Synchronous runs record `invoke` and `total`. Runs that failed are in
 * `failures` alone. A session that threads share has one set: each sees the runs of all,
 * and resets for all.
 */
export class SessionLatency {
  readonly #session: NativeSession;
  readonly #phases = new Map<LatencyPhase, PhaseLatency>();
  readonly #failures = new Map<OnliteErrorCode, PhaseLatency>();

  /**
   * Told of a part that is about to be reset, or of all of them, for counters that must not
   * go backwards. Owned by onlite/metrics.
   * @internal
   */
  beforeReset: ((part: LatencyPhase | OnliteErrorCode | undefined) => void) | undefined;

  /** @internal */
  constructor(session: NativeSession) {
    this.#session = session;
  }

  get queue(): PhaseLatency {
    return this.#phase('queue');
  }

  get bind(): PhaseLatency {
    return this.#phase('bind');
  }

  get invoke(): PhaseLatency {
    return this.#phase('invoke');
  }

  get fetch(): PhaseLatency {
    return this.#phase('fetch');
  }

  get total(): PhaseLatency {
    return this.#phase('total');
  }

  /** The total of failed runs by the codes that there were since the last reset. */
  get failures(): ByErrorCode<PhaseLatency> {
    return this.#byCode(
      (failures) => failures,
      (failures) => failures.count,
    );
  }

  /** What became of the runs since the last reset. */
  get counters(): LatencyCounters {
    return counters(
      this.total.count,
      this.#byCode((failures) => failures.count, Number),
      this.#session.latencyRejected(false),
    );
  }

  /** Statistics of everything since the last reset. */
  snapshot(): SessionLatencySnapshot {
    const each = this.#eachPhase((phase) => phase.snapshot());
    const failures = this.#byCode((failure) => failure.snapshot(), countOf);
    return {
      ...each,
      failures,
      counters: counters(each.total.count, failures, this.#session.latencyRejected(false)),
      batchSizes: Object.fromEntries(batchSizesOf(this.#session, 1)),
    };
  }

  /**
   * Histograms and counters of what came since the last call of it, or the last
   * reset. Each sample is in one interval; nothing is taken away. A run that ends
   * at this moment may have its `queue` in this interval and its `total` in the
   * next.
   *
   * There is one mark for all callers: of two that take intervals each gets a part.
   */
  interval(): SessionLatencyInterval {
    const each = this.#eachPhase((phase) => phase.interval());
    const failures = this.#byCode((failure) => failure.interval(), countOf);
    const batchSizes = Object.fromEntries(batchSizesOf(this.#session, 2));
    return {
      ...each,
      failures,
      counters: counters(each.total.count, failures, this.#session.latencyRejected(true)),
      batchSizes,
    };
  }

  /** Forgets every sample and sets the counters to 0. */
  reset(): void {
    this.beforeReset?.(undefined);
    this.#session.latencyReset();
  }

  #phase(name: LatencyPhase): PhaseLatency {
    let phase = this.#phases.get(name);
    if (phase === undefined) {
      phase = new PhaseLatency(this.#session.latencyPhase(phases.indexOf(name)), () =>
        this.beforeReset?.(name),
      );
      this.#phases.set(name, phase);
    }
    return phase;
  }

  #eachPhase<Value>(read: (phase: PhaseLatency) => Value): Record<LatencyPhase, Value> {
    return {
      queue: read(this.queue),
      bind: read(this.bind),
      invoke: read(this.invoke),
      fetch: read(this.fetch),
      total: read(this.total),
    };
  }

  /** What `read` gives for each code, but for those without samples. */
  #byCode<Value>(
    read: (failures: PhaseLatency) => Value,
    count: (value: Value) => number,
  ): ByErrorCode<Value> {
    const values: Partial<Record<OnliteErrorCode, Value>> = {};
    for (const code of this.#session.latencyFailureCodes()) {
      let failures = this.#failures.get(code);
      if (failures === undefined) {
        failures = new PhaseLatency(this.#session.latencyFailure(code), () =>
          this.beforeReset?.(code),
        );
        this.#failures.set(code, failures);
      }
      const value = read(failures);
      if (count(value) > 0) values[code] = value;
    }
    return values;
  }
}

const countOf = ({ count }: { readonly count: number }): number => count;

function counters(
  runs: number,
  failures: ByErrorCode<number | { readonly count: number }>,
  rejected: number,
): LatencyCounters {
  const errors: Partial<Record<OnliteErrorCode, number>> = {};
  for (const [code, value] of Object.entries(failures)) {
    errors[code as OnliteErrorCode] = typeof value === 'number' ? value : value.count;
  }
  const { ERR_CANCELLED: cancelled = 0, ERR_TIMEOUT: timedOut = 0 } = errors;
  return { runs, errors, cancelled, timedOut, rejected };
}

/** How many batches of how many rows a session has started; `since` as NativeSession.batchSizes. */
export function batchSizesOf(session: NativeSession, since?: 1 | 2): Map<number, number> {
  const flat = session.batchSizes(since);
  const sizes = new Map<number, number>();
  for (let at = 0; at + 1 < flat.length; at += 2) sizes.set(flat[at] ?? 0, flat[at + 1] ?? 0);
  return sizes;
}
