import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { OnliteError } from 'onlite';
import type { AlertState, RedactionOptions, WatchOptions } from 'onlite/watch';

import {
  ModelError,
  type Recorder,
  type WatchConfig,
  type WatchedVersion as OfVersion,
  type Watches,
} from '../models';
import { History, type HistoryPoint, type LoadedVersion, type Mark } from './history';
import { WatchedVersion, type Told, type WatchState } from './watched-version';

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
  /** Those of requests that were not looked at. */
  readonly unsampled: number;
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

type Redact = NonNullable<NonNullable<WatchConfig['log']>['redact']>;

/** @throws OnliteError ERR_INVALID_ARGUMENT for a file that cannot be read, or is empty */
async function withKey({ keyFile, ...redact }: Redact): Promise<RedactionOptions> {
  if (keyFile === undefined) return redact;
  try {
    const key = (await readFile(keyFile, 'utf8')).trim();
    if (key !== '') return { ...redact, key };
  } catch (cause) {
    const message = `watch.log.redact.keyFile: ${keyFile} cannot be read`;
    throw new OnliteError('ERR_INVALID_ARGUMENT', message, { cause });
  }
  throw new OnliteError('ERR_INVALID_ARGUMENT', `watch.log.redact.keyFile: ${keyFile} is empty`);
}

/** The name of a folder that is one below another, whatever the text is. */
const folderName = (text: string): string =>
  encodeURIComponent(text).replace(/^\.+$/, (dots) => dots.replaceAll('.', '%2E'));

/** A folder of its own for each version. */
async function optionsOf(
  name: string,
  version: string,
  config: WatchConfig,
): Promise<WatchOptions> {
  const { log, labels, sample: _share, maxRowsPerSecond: _most, ...rest } = config;
  const file = (folder: string, each: string): string =>
    join(folder, folderName(name), folderName(version), each);
  const { folder, ...join_ } = labels ?? {};
  return {
    ...rest,
    model: name,
    version,
    ...(log && {
      log: {
        ...log,
        path: file(log.folder, 'predictions.jsonl'),
        ...(log.redact && { redact: await withKey(log.redact) }),
      },
    }),
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
  readonly #threads: number;
  readonly #history = new History();
  #timer: NodeJS.Timeout | undefined;
  readonly #watched = new Map<string, WatchedVersion>();
  /** The last change of each: one is opened when the one before is closed. */
  readonly #changes = new Map<string, Promise<unknown>>();

  /**
   * @param loaded - all versions that there are, watched or not
   * @param threads - that answer requests
   */
  constructor(onAlert: AlertTold, loaded: () => readonly LoadedVersion[], threads = 1) {
    this.#onAlert = onAlert;
    this.#threads = threads;
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
  record(name: string, version: string, told: Told): void {
    this.#watched.get(keyOf({ name, version }))?.take(told);
  }

  /** Tells true labels to whichever version has made the prediction. @throws ModelError not-found */
  label(name: string, labels: readonly Label[]): Labelled {
    const watches = [...this.#watched.values()].filter((watched) => watched.name === name);
    if (watches.length === 0) {
      throw new ModelError('not-found', `no version of a model '${name}' is watched`);
    }
    for (const watched of watches) watched.settle();
    let [joined, unsampled] = [0, 0];
    for (const { requestId, label } of labels) {
      const watched = watches.find(({ watch }) => watch.awaits(requestId));
      const leftOut = watched ?? watches.find(({ watch }) => watch.leftOut(requestId));
      (leftOut ?? watches[0])?.watch.label(requestId, label);
      if (watched) joined++;
      else if (leftOut) unsampled++;
    }
    return { joined, unmatched: labels.length - joined - unsampled, unsampled };
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
    const { ModelWatch, RequestSampler } = await import('onlite/watch');
    const sampler = new RequestSampler(config, this.#threads);
    const options = await optionsOf(name, version, config);
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
    const users = (before?.users ?? 0) + 1;
    const watched = new WatchedVersion({
      ...{ name, version, watch, sampler, config: text, users },
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
