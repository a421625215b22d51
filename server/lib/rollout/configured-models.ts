import { statSync } from 'node:fs';
import { dirname } from 'node:path';

import {
  modelSettings,
  type EffectiveConfig,
  type ModelLayers,
  type ModelSettings,
} from '../config';
import { fromRegistry, isInRegistry, mayMove, type ModelRepository } from '../models';
import { BackOff } from './back-off';
import type { FileSource } from './file-source';
import { FolderWatch, type FolderChange, type FolderOptions } from './folder-watch';
import { preparation } from './prepare';
import type { TrafficBook } from './traffic-book';

/** What a configuration is followed with. */
export interface ConfiguredSettings {
  readonly models: ModelRepository;
  readonly book: TrafficBook;
  readonly files: FileSource;
  readonly onChange: (change: FolderChange) => void;
}

/** Models of a configuration: folders that are watched, and files. */
interface Wanted {
  readonly folders: ReadonlyMap<string, { path: string; options: FolderOptions }>;
  readonly files: ReadonlyMap<string, string>;
}

/** A file that is to be served. */
interface ToLoad {
  readonly name: string;
  /** As the configuration names it. */
  readonly path: string;
  readonly file: string;
  readonly version: string;
  readonly settings: ModelSettings;
  readonly state: string;
}

/** The version of a model that is a file. */
const ONLY_VERSION = '1';

/** Registries are other people's servers. */
const LEAST_ASK_MS = 10_000;

/** Serves what a configuration names, and follows the next one: what both have goes on. */
export class ConfiguredModels {
  readonly #settings: ConfiguredSettings;
  readonly #folders = new Map<string, FolderWatch>();
  /** What files were loaded as, and in which state they and their settings were. */
  readonly #files = new Map<string, { readonly version: string; readonly state: string }>();
  #wanted: Wanted = { folders: new Map(), files: new Map() };
  /** Folders that are named no more, of models that are still to be loaded from elsewhere. */
  #left: FolderWatch[] = [];
  /** What was last wrong with models of registries. */
  readonly #refused = new Map<string, string>();
  readonly #backOff = new BackOff();
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | undefined;
  /** Ends what registries are asked now and then. */
  #asks = new AbortController();
  /** Ends what they are asked for a configuration. */
  readonly #stopped = new AbortController();

  constructor(settings: ConfiguredSettings) {
    this.#settings = settings;
  }

  get folders(): readonly FolderWatch[] {
    return [...this.#folders.values()];
  }

  /**
   * Serves what it names and no more what it does not.
   *
   * @throws Error if a folder cannot be read or a file not be loaded; the others are served
   */
  async follow(config: EffectiveConfig): Promise<void> {
    const { onChange } = this.#settings;
    const wanted = wantedOf(config, { onChange, onLook: () => this.#release() });
    await this.#endAsking();
    const failures: unknown[] = [];
    const attempt = (work: () => Promise<void>) =>
      work().catch((error: unknown) => void failures.push(error));
    for (const [key, { path, options }] of wanted.folders) {
      const watch = this.#folders.get(key);
      await attempt(() =>
        watch === undefined
          ? this.#watch(key, path, options)
          : watch.configure(config.layers, options.pollMs),
      );
    }
    for (const [name, path] of wanted.files) {
      await attempt(() => this.#serve(name, path, config.layers));
    }
    await this.#leave(wanted);
    this.#askRegistries(config);
    if (failures.length > 0) throw failures[0];
  }

  async #watch(key: string, path: string, options: FolderOptions): Promise<void> {
    const { models, book } = this.#settings;
    const watch = new FolderWatch(models, path, options, book);
    this.#folders.set(key, watch);
    try {
      await watch.start();
    } catch (error) {
      this.#folders.delete(key);
      throw error;
    }
  }

  /** Looks now and then what addresses that may move stand for. */
  #askRegistries({ server, layers }: EffectiveConfig): void {
    // Another configuration may have come meanwhile.
    clearInterval(this.#timer);
    const moving = [...this.#wanted.files].filter(
      ([, path]) => isInRegistry(path) && mayMove(path),
    );
    const pollMs = server.pollSeconds * 1000;
    if (moving.length === 0 || pollMs === 0 || this.#stopped.signal.aborted) return;
    this.#asks = new AbortController();
    const { signal } = this.#asks;
    const ask = async (): Promise<void> => {
      for (const [name, path] of moving) {
        if (signal.aborted) return;
        // What is wrong was told of.
        await this.#serve(name, path, layers, signal).catch(() => undefined);
      }
    };
    this.#timer = setInterval(
      () => {
        this.#asking ??= ask().finally(() => (this.#asking = undefined));
      },
      Math.max(pollMs, LEAST_ASK_MS),
    ).unref();
  }

  /** After what is being loaded; what a registry has not answered yet is not waited for. */
  async #endAsking(): Promise<void> {
    clearInterval(this.#timer);
    this.#asks.abort();
    await this.#asking;
  }

  /**
   * Serves what a path stands for now, in place of what it stood for before.
   *
   * @param asks - ends it where it is asked for now and then: what failed is then tried again after longer
   *   and longer times, and told of; by default it is tried at once, and thrown
   */
  async #serve(name: string, path: string, layers: ModelLayers, asks?: AbortSignal): Promise<void> {
    const isTold = asks !== undefined || this.#files.has(name);
    let file = path;
    let version = ONLY_VERSION;
    if (isInRegistry(path)) {
      const signal = asks ?? this.#stopped.signal;
      try {
        ({ path: file, version } = await fromRegistry(path, signal));
      } catch (error) {
        if (!signal.aborted) this.#refuse(name, error, isTold);
        throw error;
      }
      if (signal.aborted) return;
      this.#refused.delete(name);
    }
    const settings = modelSettings(name, undefined, layers);
    const state = JSON.stringify([file, settings.fingerprint]);
    const key = keyOf(name, version);
    if (asks !== undefined && !this.#backOff.mayTry(key, state)) return;
    try {
      await this.#load({ name, path, file, version, settings, state });
      this.#backOff.forget(key);
    } catch (error) {
      const tries = this.#backOff.failed(key, state);
      if (isTold && tries === 1) {
        this.#settings.onChange({ name, version, event: 'failed', error });
      }
      throw error;
    } finally {
      await this.#forgetFailed((each) => each.startsWith(`${name}/`) && each !== key);
    }
  }

  /** Tells what is wrong with a registry's answers once, as long as it is the same. */
  #refuse(name: string, error: unknown, isTold: boolean): void {
    const text = String(error);
    if (this.#refused.get(name) === text) return;
    this.#refused.set(name, text);
    if (isTold) this.#settings.onChange({ name, version: '', event: 'failed', error });
  }

  /** What could not be loaded is told of as long as it should have been. */
  async #forgetFailed(isIt: (key: string) => boolean): Promise<void> {
    for (const key of this.#backOff.keys) {
      if (!isIt(key)) continue;
      this.#backOff.forget(key);
      const [name = '', version = ''] = key.split('/');
      await this.#settings.models.unload(name, version, null);
    }
  }

  async #load({ name, path, file, version, settings, state }: ToLoad): Promise<void> {
    const { book, files, onChange } = this.#settings;
    await book.setBase(name, settings.traffic);
    const before = this.#files.get(name);
    files.dropReplaced(name);
    if (before?.state === state) return;
    const { session } = settings;
    const serving = settings.servingOf(dirname(file));
    const source = { name, version, file, session, serving };
    const prepare = preparation(settings, undefined);
    const isLoaded = await files.addIfWanted({ source, prepare });
    if (before !== undefined && before.version !== version) {
      files.replace(name, before.version, version);
    }
    this.#files.set(name, { version, state });
    if (before !== undefined && isLoaded && isInRegistry(path)) {
      onChange({ name, version, event: 'loaded' });
    }
  }

  async #leave(wanted: Wanted): Promise<void> {
    for (const [key, watch] of this.#folders) {
      if (wanted.folders.has(key)) continue;
      this.#folders.delete(key);
      await watch.stop();
      this.#left.push(watch);
    }
    this.#wanted = wanted;
    this.#release();
  }

  /** Unloads what is named no more, once what is named in its place is there. */
  #release(): void {
    this.#left = this.#left.filter((watch) => !watch.unloadAllBut((name) => this.#awaits(name)));
    for (const name of this.#files.keys()) {
      if (this.#wanted.files.has(name) || this.#awaits(name)) continue;
      this.#files.delete(name);
      // Not waited for: requests under way have their own time.
      void this.#settings.files.remove(name);
    }
    const isWanted = (name: string): boolean => this.#wanted.files.has(name) || this.#awaits(name);
    void this.#forgetFailed((key) => !isWanted(key.slice(0, key.indexOf('/'))));
    for (const name of this.#refused.keys()) {
      if (!this.#wanted.files.has(name)) this.#refused.delete(name);
    }
  }

  /** Whether nothing of a model is loaded from where it is named now: from a folder not yet, or it failed. */
  #awaits(name: string): boolean {
    const { folders, files } = this.#wanted;
    if (files.has(name) && !this.#files.has(name)) return true;
    return [...folders].some(([key, { options }]) => {
      const watch = this.#folders.get(key);
      return watch === undefined ? (options.modelName ?? name) === name : watch.awaits(name);
    });
  }

  /** Waits for no registry any more, nor asks one again. */
  endAsking(): void {
    this.#stopped.abort();
    this.#asks.abort();
  }

  async stop(): Promise<void> {
    this.endAsking();
    await this.#endAsking();
    await Promise.all(this.folders.map((folder) => folder.stop()));
  }
}

const keyOf = (name: string, version: string): string => `${name}/${version}`;

function wantedOf(
  { server, layers }: EffectiveConfig,
  told: Pick<FolderOptions, 'onChange' | 'onLook'>,
): Wanted {
  const { modelBasePath, modelName, models = {}, pollSeconds } = server;
  const folders = new Map<string, { path: string; options: FolderOptions }>();
  const files = new Map<string, string>();
  const add = (path: string, name: string | undefined) => {
    const pollMs = pollSeconds * 1000;
    const options = { layers, pollMs, ...told, ...(name !== undefined && { modelName: name }) };
    folders.set(JSON.stringify([path, name]), { path, options });
  };
  if (modelBasePath !== undefined) add(modelBasePath, modelName);
  for (const [name, { path }] of Object.entries(models)) {
    if (path === undefined) continue;
    if (isFolder(path)) add(path, name);
    else files.set(name, path);
  }
  return { folders, files };
}

const isFolder = (path: string): boolean =>
  !isInRegistry(path) && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
