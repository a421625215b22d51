import type {
  BinCounts,
  ModelWatch,
  RequestSampler,
  SkippedRequests,
  WatchReport,
} from 'onlite/watch';

import type { RecordedRun, Recorder, RunError } from '../models';
import { SoonRecorder } from './soon';

/** How a version that is watched does; it can be sent to another thread. */
export interface WatchState {
  readonly name: string;
  readonly version: string;
  readonly report: WatchReport;
  readonly bins: readonly BinCounts[];
  /** Requests that were not recorded, because too many were under way from other threads. */
  readonly dropped: number;
}

/** What a thread tells of a version that it answers for. It can be sent to another one if its tensors are copies. */
export interface Told {
  readonly run?: RecordedRun | undefined;
  /** Those that its sample has left out. */
  readonly skipped?: SkippedRequests | undefined;
  /** Requests that were not recorded, because too many were under way. */
  readonly dropped: number;
}

const asError = ({ message, code }: RunError): Error => Object.assign(new Error(message), { code });

/** Comparing with the reference takes its time: who asks sooner is told the same. */
const MOST_AGE_MS = 1000;

/** One version that is watched. */
export class WatchedVersion {
  readonly name: string;
  readonly version: string;
  readonly watch: ModelWatch;
  readonly recorder: Recorder;
  /** What it was opened with. */
  readonly config: string;
  /** The file of what waits for labels, where there is one. */
  readonly journal: string | undefined;
  /** Models that are recorded by it: where a version takes the place of the same one there are two for a time. */
  users: number;
  readonly #sampler: RequestSampler;
  #dropped = 0;
  #state: Promise<WatchState> | undefined;
  #askedAt = 0;

  constructor(of: {
    readonly name: string;
    readonly version: string;
    readonly watch: ModelWatch;
    readonly sampler: RequestSampler;
    readonly config: string;
    readonly journal?: string;
    readonly users: number;
  }) {
    this.name = of.name;
    this.version = of.version;
    this.watch = of.watch;
    this.config = of.config;
    this.journal = of.journal;
    this.users = of.users;
    this.recorder = new SoonRecorder(
      of.sampler,
      (run) => this.#record(run),
      () => (this.#dropped += 1),
      () => this.settle(),
    );
    this.#sampler = of.sampler;
  }

  /** What another thread tells. */
  take({ run, skipped, dropped }: Told): void {
    this.#dropped += dropped;
    if (skipped) this.#skip(skipped);
    if (run) this.#record(run);
  }

  /** Requests of this thread that were left out are counted from now on. */
  settle(): void {
    const skipped = this.#sampler.takeSkipped();
    if (skipped) this.#skip(skipped);
  }

  #record({ requestId, time, latencyMs, inputs, outputs, error, weight }: RecordedRun): void {
    this.watch.record({
      ...{ inputs, time, latencyMs, weight },
      ...(requestId !== undefined && { requestId }),
      ...(outputs && { outputs }),
      ...(error && { error: asError(error) }),
    });
  }

  #skip({ count, ids, errors }: SkippedRequests): void {
    const made = errors.map(({ error, time }) => ({ error: asError(error as RunError), time }));
    this.watch.skip({ count, ids, errors: made });
  }

  /** Of a second ago at most. */
  state(): Promise<WatchState> {
    const now = performance.now();
    if (this.#state === undefined || now - this.#askedAt > MOST_AGE_MS) {
      this.#askedAt = now;
      this.#state = this.#make();
    }
    return this.#state;
  }

  async #make(): Promise<WatchState> {
    const { name, version, watch } = this;
    this.settle();
    const report = await watch.reportInTurns();
    return { name, version, report, bins: watch.bins, dropped: this.#dropped };
  }
}
