import type { BinCounts, ModelWatch, WatchReport } from 'onlite/watch';

import type { RecordedRun, Recorder } from '../models';
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
  #dropped = 0;
  #state: Promise<WatchState> | undefined;
  #askedAt = 0;

  constructor(of: {
    readonly name: string;
    readonly version: string;
    readonly watch: ModelWatch;
    readonly sample: number;
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
      of.sample,
      (run) => this.record(run),
      () => (this.#dropped += 1),
    );
  }

  /** @param dropped - requests before it that were not recorded */
  record({ requestId, time, latencyMs, inputs, outputs, error }: RecordedRun, dropped = 0): void {
    this.#dropped += dropped;
    this.watch.record({
      inputs,
      time,
      latencyMs,
      ...(requestId !== undefined && { requestId }),
      ...(outputs && { outputs }),
      ...(error && { error: Object.assign(new Error(error.message), { code: error.code }) }),
    });
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
    const report = await watch.reportInTurns();
    return { name, version, report, bins: watch.bins, dropped: this.#dropped };
  }
}
