import type { LatencyPhase } from 'onlite';

import type { ModelSession } from './served-model';

import { LATENCY_DOUBLES, LatencyHistograms } from './latency-histograms';
import { OUTCOMES, positionOf, type Outcome } from './outcomes';

/** How often something happened and how long it took in all. */
export interface Duration {
  readonly count: number;
  /** Nanoseconds. */
  readonly ns: number;
}

/** What is counted, each a double of a thread's row. */
enum Column {
  Successes,
  SuccessNs,
  Failures,
  FailureNs,
  Inferences,
  LastInference,
  InlineRuns,
  InlineChanges,
  IsInline,
  CanaryRequests,
  ShadowCompared,
  ShadowDiffering,
  ShadowFailed,
  ShadowDropped,
  Waiting,
  Refused,
  Expired,
  GaveUp,
  HasProblem,
  /** What requests have come to, one column for each of {@link OUTCOMES}: always the last. */
  FirstOutcome,
}

const COLUMNS = Column.FirstOutcome + OUTCOMES.length;

/** Memory that threads count requests in: rows for each, which that one writes and all read. */
export const sharedCounters = (threads: number): SharedArrayBuffer =>
  new SharedArrayBuffer(threads * (COLUMNS + LATENCY_DOUBLES) * Float64Array.BYTES_PER_ELEMENT);

/** What requests for one version of a model have come to since it was loaded, those of all threads. */
export class RequestStatistics {
  readonly counters: SharedArrayBuffer;
  readonly #all: Float64Array;
  readonly #own: Float64Array;
  /** Times of requests that were answered with outputs. */
  readonly latency: LatencyHistograms;

  /** @param thread - whose row is written here */
  constructor(counters = sharedCounters(1), thread = 0) {
    this.counters = counters;
    const all = new Float64Array(counters);
    const threads = all.length / (COLUMNS + LATENCY_DOUBLES);
    this.#all = all.subarray(0, threads * COLUMNS);
    this.latency = new LatencyHistograms(all.subarray(threads * COLUMNS), thread);
    this.#own = this.#all.subarray(thread * COLUMNS, (thread + 1) * COLUMNS);
    // Of a thread that ended before.
    this.#own[Column.IsInline] = 0;
    this.#own[Column.Waiting] = 0;
    this.#own[Column.HasProblem] = 0;
  }

  succeeded(nanoseconds: number, rows: number): void {
    this.#add(Column.Successes, 1);
    this.#add(Column.SuccessNs, nanoseconds);
    this.#add(Column.Inferences, rows);
    this.#own[Column.LastInference] = Date.now();
  }

  failed(nanoseconds: number): void {
    this.#add(Column.Failures, 1);
    this.#add(Column.FailureNs, nanoseconds);
  }

  ranInline(): void {
    this.#add(Column.InlineRuns, 1);
  }

  inlineChanged(isInline: boolean): void {
    this.#add(Column.InlineChanges, 1);
    this.#own[Column.IsInline] = Number(isInline);
  }

  /** A request that named no version was given to this one as the canary. */
  choseCanary(): void {
    this.#add(Column.CanaryRequests, 1);
  }

  /** A request was run here besides, and put out the same or not. */
  shadowCompared(isSame: boolean): void {
    this.#add(Column.ShadowCompared, 1);
    if (!isSame) this.#add(Column.ShadowDiffering, 1);
  }

  /** A run besides ended with an error. */
  shadowFailed(): void {
    this.#add(Column.ShadowFailed, 1);
  }

  /** A run besides was left out, because too many were under way. */
  shadowDropped(): void {
    this.#add(Column.ShadowDropped, 1);
  }

  /** A request for this version was answered, or could not be. */
  answered(outcome: Outcome): void {
    this.#add(Column.FirstOutcome + positionOf(outcome), 1);
  }

  outcomes(outcome: Outcome): number {
    return this.#sum(Column.FirstOutcome + positionOf(outcome));
  }

  /** Whether the thread cannot have runs made, or has one that does not end. */
  hasProblem(is: boolean): void {
    this.#own[Column.HasProblem] = Number(is);
  }

  /** Threads that have a problem. */
  get problems(): number {
    return this.#sum(Column.HasProblem);
  }

  /** So many more wait for a run, or fewer. */
  queued(more: 1 | -1): void {
    this.#add(Column.Waiting, more);
  }

  /** A request was refused, because too many waited or it would have been answered too late. */
  refused(): void {
    this.#add(Column.Refused, 1);
  }

  /** A request's deadline has passed before its run. */
  expired(): void {
    this.#add(Column.Expired, 1);
  }

  /** A client has left while its request waited. */
  gaveUp(): void {
    this.#add(Column.GaveUp, 1);
  }

  #add(column: number, value: number): void {
    this.#own[column] = (this.#own[column] ?? 0) + value;
  }

  #sum(column: number): number {
    let sum = 0;
    for (let at: number = column; at < this.#all.length; at += COLUMNS) sum += this.#all[at] ?? 0;
    return sum;
  }

  get success(): Duration {
    return { count: this.#sum(Column.Successes), ns: this.#sum(Column.SuccessNs) };
  }

  get fail(): Duration {
    return { count: this.#sum(Column.Failures), ns: this.#sum(Column.FailureNs) };
  }

  /** Of the first dimension of the first input; 1 for what has none. */
  get inferences(): number {
    return this.#sum(Column.Inferences);
  }

  /** Milliseconds since 1970 of the last request, 0 without one. */
  get lastInference(): number {
    let last = 0;
    for (let at: number = Column.LastInference; at < this.#all.length; at += COLUMNS) {
      last = Math.max(last, this.#all[at] ?? 0);
    }
    return last;
  }

  /** Requests that wait for a run now. */
  get waiting(): number {
    return this.#sum(Column.Waiting);
  }

  /** Requests that were never run, by why. */
  get notRun(): { refused: number; expired: number; left: number } {
    return {
      refused: this.#sum(Column.Refused),
      expired: this.#sum(Column.Expired),
      left: this.#sum(Column.GaveUp),
    };
  }

  get canaryRequests(): number {
    return this.#sum(Column.CanaryRequests);
  }

  /** What has come of runs besides. */
  get shadow(): { compared: number; differing: number; failed: number; dropped: number } {
    return {
      compared: this.#sum(Column.ShadowCompared),
      differing: this.#sum(Column.ShadowDiffering),
      failed: this.#sum(Column.ShadowFailed),
      dropped: this.#sum(Column.ShadowDropped),
    };
  }

  /** Runs on the threads that answer requests, how often that began or ended, and on how many it is so. */
  get inline(): { runs: number; changes: number; threads: number } {
    return {
      runs: this.#sum(Column.InlineRuns),
      changes: this.#sum(Column.InlineChanges),
      threads: this.#sum(Column.IsInline),
    };
  }
}

/** What runs have waited: for their turn, of requests that were answered, and inside the session. */
export function queueDuration({
  session,
  statistics,
}: {
  readonly session: Pick<ModelSession, 'latency'>;
  readonly statistics: RequestStatistics;
}): Duration {
  const { count, ns } = phaseDuration(session, 'queue');
  return { count, ns: ns + Math.round(statistics.latency.seconds('queue') * 1e9) };
}

/** A phase of all the runs of a session. */
export function phaseDuration(
  session: Pick<ModelSession, 'latency'>,
  phase: LatencyPhase,
): Duration {
  const { count, mean } = session.latency[phase].snapshot();
  return { count, ns: count === 0 ? 0 : Math.round(count * mean) };
}
