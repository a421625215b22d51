import { statSync } from 'node:fs';
import { dirname } from 'node:path';

import { modelSettings, type EffectiveConfig, type ModelLayers } from '../config';
import { fromRegistry, isInRegistry, mayMove, type ModelRepository } from '../models';
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
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | undefined;

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
    clearInterval(this.#timer);
    await this.#asking;
    const wanted = wantedOf(config, { onChange, onLook: () => this.#release() });
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
      await attempt(() => this.#load(name, path, config.layers));
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
    const moving = [...this.#wanted.files].filter(
      ([, path]) => isInRegistry(path) && mayMove(path),
    );
    const pollMs = server.pollSeconds * 1000;
    if (moving.length === 0 || pollMs === 0) return;
    const ask = async (): Promise<void> => {
      for (const [name, path] of moving) {
        try {
          await this.#load(name, path, layers);
          this.#refused.delete(name);
        } catch (error) {
          this.#tellRefused(name, error);
        }
      }
    };
    this.#timer = setInterval(
      () => {
        this.#asking ??= ask().finally(() => (this.#asking = undefined));
      },
      Math.max(pollMs, LEAST_ASK_MS),
    ).unref();
  }

  /** Once, as long as the same is wrong. */
  #tellRefused(name: string, error: unknown): void {
    const text = String(error);
    if (this.#refused.get(name) === text) return;
    this.#refused.set(name, text);
    this.#settings.onChange({ name, version: '', event: 'failed', error });
  }

  async #load(name: string, path: string, layers: ModelLayers): Promise<void> {
    const { path: file, version } = isInRegistry(path)
      ? await fromRegistry(path)
      : { path, version: ONLY_VERSION };
    const settings = modelSettings(name, undefined, layers);
    const state = JSON.stringify([file, settings.fingerprint]);
    const { book, files, onChange } = this.#settings;
    await book.setBase(name, settings.traffic);
    const before = this.#files.get(name);
    files.dropReplaced(name);
    if (before?.state === state) return;
    const { session } = settings;
    const serving = settings.servingOf(dirname(file));
    const source = { name, version, file, session, serving };
    const isFirst = before === undefined;
    let isLoaded: boolean;
    try {
      isLoaded = await files.addIfWanted({ source, prepare: preparation(settings, undefined) });
    } catch (error) {
      // Where there is no old one, nothing goes on.
      if (!isFirst) onChange({ name, version, event: 'failed', error });
      throw error;
    }
    if (before !== undefined && before.version !== version) {
      files.replace(name, before.version, version);
    }
    this.#files.set(name, { version, state });
    if (!isFirst && isLoaded && isInRegistry(path)) onChange({ name, version, event: 'loaded' });
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

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
    await Promise.all(this.folders.map((folder) => folder.stop()));
  }
}

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
