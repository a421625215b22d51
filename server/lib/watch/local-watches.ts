import { join } from 'node:path';

import type { ModelWatch, WatchOptions } from 'onlite/watch';

import {
  ModelError,
  type RecordedRun,
  type Recorder,
  type WatchConfig,
  type WatchedVersion,
  type Watches,
} from '../models';
import { SoonRecorder } from './soon';

/** A true label, by the request's id; of one of several rows by `id/row`. */
export interface Label {
  readonly requestId: string;
  readonly label: number | string;
}

/** What has become of labels. */
export interface Labelled {
  readonly joined: number;
  /** Those whose prediction is not known, or no more. */
  readonly unmatched: number;
}

/** One version that is watched. */
interface Watched {
  readonly name: string;
  readonly version: string;
  readonly watch: ModelWatch;
  readonly recorder: Recorder;
  /** Requests that were not recorded, because too many were under way from other threads. */
  dropped: number;
  /** What it was opened with. */
  readonly config: string;
  /** Models that are recorded by it: where a version takes the place of the same one there are two for a time. */
  users: number;
}

const keyOf = ({ name, version }: Pick<WatchedVersion, 'name' | 'version'>): string =>
  JSON.stringify([name, version]);

/** A folder of its own for each version; names have no slashes, nor do they begin with a dot. */
function optionsOf(name: string, version: string, config: WatchConfig): WatchOptions {
  const { log, labels, ...rest } = config;
  const file = (folder: string, each: string): string =>
    join(folder, encodeURIComponent(name), version, each);
  const { folder, ...join_ } = labels ?? {};
  return {
    ...rest,
    model: name,
    version,
    // What is recorded has been drawn already.
    sample: 1,
    ...(log && { log: { ...log, path: file(log.folder, 'predictions.jsonl') } }),
    labels: { ...join_, ...(folder !== undefined && { path: file(folder, 'labels.jsonl') }) },
  };
}

/**
 * Watches the versions that are loaded, each by a `ModelWatch` of its own. There is one for all threads of a server, in the
 * first one: so windows are of all requests, and logs and journals have one writer.
 */
export class LocalWatches implements Watches {
  readonly #watched = new Map<string, Watched>();
  /** The last change of each: one is opened when the one before is closed. */
  readonly #changes = new Map<string, Promise<unknown>>();

  async open(model: WatchedVersion): Promise<Recorder | undefined> {
    const config = model.serving.watch;
    if (config === undefined) return undefined;
    return this.#inTurn(keyOf(model), () => this.#open(model, config));
  }

  attach(): Recorder | undefined {
    throw new Error('versions are opened in the thread that watches them');
  }

  close(model: Pick<WatchedVersion, 'name' | 'version'>): Promise<void> {
    const key = keyOf(model);
    return this.#inTurn(key, async () => {
      const watched = this.#watched.get(key);
      if (watched === undefined || --watched.users > 0) return;
      this.#watched.delete(key);
      await watched.watch.close();
    });
  }

  /** One that another thread has read; of a version that is no more it is nothing. */
  record(name: string, version: string, run: RecordedRun, dropped: number): void {
    const watched = this.#watched.get(keyOf({ name, version }));
    if (watched === undefined) return;
    watched.dropped += dropped;
    recordIn(watched.watch, run);
  }

  /** Tells true labels to whichever version has made the prediction. @throws ModelError not-found */
  label(name: string, labels: readonly Label[]): Labelled {
    const watches = this.all().filter((watched) => watched.name === name);
    if (watches.length === 0) {
      throw new ModelError('not-found', `no version of a model '${name}' is watched`);
    }
    let joined = 0;
    for (const { requestId, label } of labels) {
      const watched = watches.find(({ watch }) => watch.awaits(requestId)) ?? watches[0];
      if (watched?.watch.label(requestId, label) === true) joined++;
    }
    return { joined, unmatched: labels.length - joined };
  }

  all(): readonly Watched[] {
    return [...this.#watched.values()];
  }

  async #open(model: WatchedVersion, config: WatchConfig): Promise<Recorder> {
    const { name, version } = model;
    const key = keyOf(model);
    const text = JSON.stringify(config);
    const before = this.#watched.get(key);
    if (before?.config === text) {
      before.users++;
      return before.recorder;
    }
    // Two may not have one journal.
    await before?.watch.close();
    // Loaded when something is watched: most servers need none of it.
    const { ModelWatch } = await import('onlite/watch');
    const watch = await ModelWatch.open(optionsOf(name, version, config));
    const recorder = new SoonRecorder(config.sample ?? 1, (run) => recordIn(watch, run));
    const users = (before?.users ?? 0) + 1;
    this.#watched.set(key, { name, version, watch, recorder, dropped: 0, config: text, users });
    return recorder;
  }

  #inTurn<Result>(key: string, change: () => Promise<Result>): Promise<Result> {
    const before = this.#changes.get(key) ?? Promise.resolve();
    const done = before.then(change, change);
    this.#changes.set(key, done);
    const forget = (): void => {
      if (this.#changes.get(key) === done) this.#changes.delete(key);
    };
    done.then(forget, forget);
    return done;
  }
}

function recordIn(watch: ModelWatch, run: RecordedRun): void {
  const { requestId, time, latencyMs, inputs, outputs, error } = run;
  watch.record({
    inputs,
    time,
    latencyMs,
    ...(requestId !== undefined && { requestId }),
    ...(outputs && { outputs }),
    ...(error && { error: Object.assign(new Error(error.message), { code: error.code }) }),
  });
}
