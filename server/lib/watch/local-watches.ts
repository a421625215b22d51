import { join } from 'node:path';

import type { AlertState, WatchOptions } from 'onlite/watch';

import {
  ModelError,
  type RecordedRun,
  type Recorder,
  type WatchConfig,
  type WatchedVersion as OfVersion,
  type Watches,
} from '../models';
import { History, type HistoryPoint, type LoadedVersion, type Mark } from './history';
import { WatchedVersion, type WatchState } from './watched-version';

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

/** How what is watched does, and did before; it can be sent to another thread. */
export interface WatchOverview {
  readonly states: readonly WatchState[];
  readonly points: readonly HistoryPoint[];
  readonly marks: readonly Mark[];
}

/** Between two looks, while something is watched. */
const LOOK_MS = 5000;

/** Told of alerts of versions that have become active, or are no more. */
export type AlertTold = (
  of: { readonly name: string; readonly version: string },
  state: AlertState,
) => void;

const keyOf = ({ name, version }: Pick<OfVersion, 'name' | 'version'>): string =>
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
  readonly #onAlert: AlertTold;
  readonly #loaded: () => readonly LoadedVersion[];
  readonly #history = new History();
  #timer: NodeJS.Timeout | undefined;
  readonly #watched = new Map<string, WatchedVersion>();
  /** The last change of each: one is opened when the one before is closed. */
  readonly #changes = new Map<string, Promise<unknown>>();

  /** @param loaded - all versions that there are, watched or not */
  constructor(onAlert: AlertTold, loaded: () => readonly LoadedVersion[]) {
    this.#onAlert = onAlert;
    this.#loaded = loaded;
  }

  async open(model: OfVersion): Promise<Recorder | undefined> {
    const config = model.serving.watch;
    if (config === undefined) return undefined;
    return this.#inTurn(keyOf(model), () => this.#open(model, config));
  }

  attach(): Recorder | undefined {
    throw new Error('versions are opened in the thread that watches them');
  }

  close(model: Pick<OfVersion, 'name' | 'version'>): Promise<void> {
    const key = keyOf(model);
    return this.#inTurn(key, async () => {
      const watched = this.#watched.get(key);
      if (watched === undefined || --watched.users > 0) return;
      this.#watched.delete(key);
      if (this.#watched.size === 0) this.#stop();
      await watched.watch.close();
    });
  }

  /** One that another thread has read; of a version that is no more it is nothing. */
  record(name: string, version: string, run: RecordedRun, dropped: number): void {
    this.#watched.get(keyOf({ name, version }))?.record(run, dropped);
  }

  /** Tells true labels to whichever version has made the prediction. @throws ModelError not-found */
  label(name: string, labels: readonly Label[]): Labelled {
    const watches = [...this.#watched.values()].filter((watched) => watched.name === name);
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

  /** How all of them do; undefined where nothing is watched. */
  overview(): Promise<WatchOverview> | undefined {
    return this.#watched.size === 0 ? undefined : this.#look();
  }

  async #look(): Promise<WatchOverview> {
    const states = await Promise.all([...this.#watched.values()].map((each) => each.state()));
    this.#history.look(Date.now(), states, this.#loaded());
    const { points, marks } = this.#history;
    return { states, points, marks };
  }

  #start(): void {
    // What goes wrong is told who asks.
    this.#timer ??= setInterval(() => void this.#look().catch(() => undefined), LOOK_MS).unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #open(model: OfVersion, config: WatchConfig): Promise<Recorder> {
    const { name, version } = model;
    const key = keyOf(model);
    const text = JSON.stringify(config);
    const before = this.#watched.get(key);
    if (before?.config === text) {
      before.users++;
      return before.recorder;
    }
    // Loaded when something is watched: most servers need none of it.
    const { ModelWatch } = await import('onlite/watch');
    const options = optionsOf(name, version, config);
    const onAlert = (state: AlertState): void => this.#onAlert({ name, version }, state);
    const { path: journal } = options.labels ?? {};
    // Two may not have one journal. What is wrong with the other options is found before one is without.
    const isShared = journal !== undefined && before?.journal === journal;
    if (isShared) {
      const tried = await ModelWatch.open({ ...options, labels: {} });
      await tried.close();
      await before.watch.close();
    }
    const watch = await ModelWatch.open({ ...options, onAlert });
    if (!isShared) await before?.watch.close();
    const { sample = 1 } = config;
    const users = (before?.users ?? 0) + 1;
    const watched = new WatchedVersion({
      ...{ name, version, watch, sample, config: text, users },
      ...(journal !== undefined && { journal }),
    });
    this.#watched.set(key, watched);
    this.#start();
    return watched.recorder;
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
