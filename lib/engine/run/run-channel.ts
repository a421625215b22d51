import { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';

import { OnliteError, type OnliteErrorCode } from '../../errors';
import { deliverInline, mayRunInline, startJob, type Job } from '../addon/jobs';
import { phases as allPhases, type LatencyPhase } from '../latency/latency';
import type { Engine, NativeSession } from '../addon/native';

/** What the channel `onlite:run` publishes for each run. */
export interface RunMessage {
  /** The session's name. */
  readonly model: string;
  readonly engine: Engine;
  /** Whether the run was on the calling thread. */
  readonly sync: boolean;
  /** When the run was asked for, in milliseconds since 1970 with fractions. */
  readonly startTime: number;
  /**
   * Nanoseconds, as the histograms have them: all phases of an asynchronous run, `invoke`
   * and `total` of a synchronous one, `total` of one that failed. Empty with `latency: false`
   * and for a rejected run.
   */
  readonly phases: Readonly<Partial<Record<LatencyPhase, number>>>;
  /** `'rejected'`: the queue was full. */
  readonly outcome: 'success' | 'error' | 'rejected';
  /** Of a run that did not succeed. */
  readonly code?: OnliteErrorCode;
  /** What such a run's promise was rejected with, or what it threw. */
  readonly error?: unknown;
  /** The rows of the batch that the run was a part of, padding not counted. */
  readonly batchSize?: number;
}

/** The channel of {@link RunMessage}s: `diagnostics_channel.channel('onlite:run')`. */
export const runChannel = channel('onlite:run');

/**
 * Watches a session's runs for the channel's subscribers. While there is none a run costs the
 * look at `runChannel.hasSubscribers` alone: the native side keeps no records then.
 *
 * A message is published where the run was asked for, as AsyncLocalStorage sees it, once the
 * result or error is there. Runs that were refused before they were accepted (for a wrong
 * feed, or a released session) are not published, but for those that the queue rejects.
 */
export class RunObserver {
  readonly model: string;
  readonly engine: Engine;
  /** What a run on the JS thread may take that was asked for asynchronously. */
  readonly #inlineMicroseconds: number;
  readonly #session: NativeSession;
  #watched = 0;

  constructor(session: NativeSession, model: string, engine: Engine, inlineMicroseconds: number) {
    this.#session = session;
    this.model = model;
    this.engine = engine;
    this.#inlineMicroseconds = inlineMicroseconds;
  }

  /** Whether a run that was asked for asynchronously may be made here and now, as far as JavaScript knows. */
  get mayRunInline(): boolean {
    return this.#inlineMicroseconds > 0 && mayRunInline() && !runChannel.hasSubscribers;
  }

  /** Promises the result of such a run. */
  deliverInline<Result>(result: Result): Promise<Result> {
    return deliverInline(result, this.#inlineMicroseconds);
  }

  /** As {@link startJob} of jobs.ts. */
  readonly startRun = (job: Job, start: (id: number) => void): number =>
    runChannel.hasSubscribers ? this.#startWatched(job, start) : startJob(job, start);

  /** Calls what runs synchronously. Only for when the channel has subscribers. */
  runSync<Result>(run: () => Result): Result {
    const watched = new WatchedRun(this, true);
    this.#watch();
    try {
      const result = run();
      watched.succeed(this.#session.takeRunRecord());
      return result;
    } catch (error) {
      const record = this.#session.takeRunRecord();
      if (record !== undefined) watched.fail(error, record);
      throw error;
    } finally {
      this.unwatch();
    }
  }

  #startWatched(job: Job, start: (id: number) => void): number {
    const run = new WatchedRun(this, false);
    const watched = new WatchedJob(job, run, this.#session, this);
    this.#watch();
    try {
      watched.id = startJob(watched, start);
      return watched.id;
    } catch (error) {
      this.unwatch();
      if (error instanceof OnliteError && error.code === 'ERR_QUEUE_FULL') run.reject(error);
      throw error;
    }
  }

  #watch(): void {
    if (this.#watched++ === 0) this.#session.observeRuns(true);
  }

  /** A watched run has ended. */
  unwatch(): void {
    if (--this.#watched === 0) this.#session.observeRuns(false);
  }
}

/** [queue, bind, invoke, fetch, total, batch's rows]; -1 and 0 for what there is none of. */
type RunRecord = Float64Array;

class WatchedRun {
  readonly #observer: RunObserver;
  readonly #sync: boolean;
  readonly #startTime = performance.timeOrigin + performance.now();
  /** Where the run was asked for; a synchronous one is still there when it ends. */
  readonly #scope: AsyncResource | undefined;

  constructor(observer: RunObserver, sync: boolean) {
    this.#observer = observer;
    this.#sync = sync;
    if (!sync) this.#scope = new AsyncResource('onlite:run');
  }

  succeed(record: RunRecord | undefined): void {
    this.#publish({ outcome: 'success', phases: phasesOf(record), ...batchOf(record) });
  }

  fail(error: unknown, record: RunRecord | undefined): void {
    const code = error instanceof OnliteError ? error.code : 'ERR_RUN_FAILED';
    const phases = record === undefined ? { total: this.#elapsed() } : phasesOf(record);
    this.#publish({ outcome: 'error', code, error, phases });
  }

  reject(error: OnliteError): void {
    this.#publish({ outcome: 'rejected', code: error.code, error, phases: {} });
  }

  #elapsed(): number {
    const now = performance.timeOrigin + performance.now();
    return Math.max(0, Math.round((now - this.#startTime) * 1e6));
  }

  #publish(outcome: Omit<RunMessage, 'model' | 'engine' | 'sync' | 'startTime'>): void {
    const { model, engine } = this.#observer;
    const sync = this.#sync;
    const message: RunMessage = { model, engine, sync, startTime: this.#startTime, ...outcome };
    if (this.#scope === undefined) runChannel.publish(message);
    else this.#scope.runInAsyncScope(() => runChannel.publish(message));
  }
}

/** Tells of a run's end and has the job do what is to be done about it. */
class WatchedJob implements Job {
  id = -1;
  readonly wraps: Job;
  readonly #job: Job;
  readonly #run: WatchedRun;
  readonly #session: NativeSession;
  readonly #observer: RunObserver;

  constructor(job: Job, run: WatchedRun, session: NativeSession, observer: RunObserver) {
    this.wraps = job;
    this.#job = job;
    this.#run = run;
    this.#session = session;
    this.#observer = observer;
  }

  succeed(result: unknown): void {
    this.#job.succeed(result);
    this.#run.succeed(this.#session.takeRunRecord(this.id));
  }

  /** Without a record when the promise is rejected before the native side has ended. */
  fail(error: unknown): void {
    const record = this.#session.takeRunRecord(this.id);
    this.#job.fail(error);
    this.#run.fail(error, record);
  }

  end(): void {
    // Of a run that was abandoned: the id's next run must not find it.
    this.#session.takeRunRecord(this.id);
    this.#job.end();
    this.#observer.unwatch();
  }
}

function phasesOf(record: RunRecord | undefined): RunMessage['phases'] {
  const phases: Partial<Record<LatencyPhase, number>> = {};
  for (const [index, phase] of allPhases.entries()) {
    const nanoseconds = record?.[index] ?? -1;
    if (nanoseconds >= 0) phases[phase] = nanoseconds;
  }
  return phases;
}

function batchOf(record: RunRecord | undefined): Pick<RunMessage, 'batchSize'> {
  const rows = record?.[5] ?? 0;
  return rows > 0 ? { batchSize: rows } : {};
}
