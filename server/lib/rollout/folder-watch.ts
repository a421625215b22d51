import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { SessionOptions } from 'onlite';

import { modelSettings, type ModelLayers, type ModelSettings } from '../config';
import {
  ModelError,
  isHigher,
  scanModels,
  scanVersions,
  wantedVersions,
  type ModelRepository,
  type ModelSource,
  type ServedModel,
  type VersionFolder,
  type VersionPolicy,
} from '../models';
import { BackOff } from './back-off';
import { preparation } from './prepare';
import type { VersionSource } from './source';
import { Steadiness } from './steadiness';
import { TrafficBook } from './traffic-book';

/** How a folder of models is served. */
export interface FolderOptions {
  /** The folder is that of one model, whose versions are in it. Default: a folder a model. */
  readonly modelName?: string;
  /** Milliseconds between two looks. Default 2000; 0 for one look only. */
  readonly pollMs?: number;
  /** Where a model's configuration does not say. Default the highest. */
  readonly versions?: VersionPolicy;
  /** Where a model's configuration does not say otherwise. */
  readonly session?: SessionOptions;
  /** What is said of the models elsewhere than in the `config.json` beside their versions. */
  readonly layers?: ModelLayers;
  /** Told of what is loaded, unloaded and broken. */
  readonly onChange?: (change: FolderChange) => void;
  /** Told after each look. @internal */
  readonly onLook?: () => void;
}

export interface FolderChange {
  readonly name: string;
  /** Empty where all of a model, or the folder, is meant. */
  readonly version: string;
  readonly event: 'loaded' | 'unloaded' | 'failed' | 'unreadable' | 'misconfigured';
  readonly error?: unknown;
}

interface Loaded {
  readonly folder: VersionFolder;
  readonly state: string;
  readonly model: ServedModel;
}

/**
 * Serves what is in a folder and looks again and again. A version is loaded when nothing in its folder
 * has changed between two looks, so that one which is being copied is not read half-written; it is
 * warmed up and tested beside the one that is served, and replaces lower ones after that. One that
 * cannot be loaded is told of once and tried again after longer and longer times, or when it has
 * changed. So is one whose settings have changed: it is loaded anew beside itself.
 */
export class FolderWatch implements VersionSource {
  readonly #models: ModelRepository;
  readonly #folder: string;
  readonly #options: FolderOptions;
  readonly #book: TrafficBook;
  #pollMs: number;
  readonly #steadiness: Steadiness;
  readonly #backOff = new BackOff();
  #layers: ModelLayers;
  #found: readonly VersionFolder[] = [];
  /** The last ones that were right, by model. */
  readonly #settings = new Map<string, ModelSettings>();
  /** What is wrong with the last ones, and was told of. */
  readonly #problems = new Map<string, string>();
  /** What was loaded of this folder: the state that it had then, and what came of it. */
  readonly #loaded = new Map<string, Loaded>();
  /** Versions that were asked for and are kept until it is said what for. */
  readonly #held = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(
    models: ModelRepository,
    folder: string,
    options: FolderOptions = {},
    book = new TrafficBook(models),
  ) {
    this.#models = models;
    this.#folder = folder;
    this.#options = options;
    this.#layers = options.layers ?? {};
    this.#book = book;
    this.#pollMs = options.pollMs ?? 2000;
    this.#steadiness = new Steadiness(this.#pollMs);
  }

  /**
   * Loads what is there and has stood still, and begins to look for changes. Where something was put there a
   * moment ago it looks twice: a server that listens after this is not ready before it has all models.
   *
   * @throws Error if the folder cannot be read
   */
  async start(): Promise<void> {
    if (!statSync(this.#folder).isDirectory()) throw new Error(`${this.#folder} is no folder`);
    await this.look();
    if (this.#pollMs > 0 && this.#found.some((each) => !this.#isLoadable(each))) {
      await sleep(this.#pollMs);
      await this.look();
    }
    this.#schedule();
  }

  get names(): readonly string[] {
    return [...new Set(this.#found.map(({ name }) => name))];
  }

  known(name: string): readonly string[] {
    return this.#found.filter((each) => each.name === name).map(({ version }) => version);
  }

  /** Why a model's configuration is not the one that is followed. */
  problem(name: string): string | undefined {
    return this.#problems.get(name);
  }

  /** Other settings from elsewhere; sessions that need it are made anew. */
  async configure(layers: ModelLayers, pollMs = this.#pollMs): Promise<void> {
    this.#layers = layers;
    if (pollMs !== this.#pollMs) {
      this.#pollMs = pollMs;
      clearTimeout(this.#timer);
      this.#schedule();
    }
    await this.look();
  }

  ensure(name: string, version: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const found = this.#scan().find((each) => each.name === name && each.version === version);
      if (found === undefined) return false;
      const key = keyOf(found);
      if (!this.#isLoadable(found)) {
        throw new ModelError('not-ready', `version ${version} of '${name}' is still being written`);
      }
      await this.#configure(name, [found]);
      this.#held.add(key);
      try {
        if (!this.#isLoaded(found)) await this.#load(found);
        return true;
      } catch (error) {
        this.#held.delete(key);
        throw error;
      }
    });
  }

  async settle(name: string): Promise<void> {
    await this.#inTurn(async () => {
      for (const key of this.#held) if (key.startsWith(`${name}/`)) this.#held.delete(key);
      await this.#look();
    });
  }

  /** Looks no more, after what is being loaded. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  /** Whether a model is to be served from here of which nothing is loaded yet. */
  awaits(name: string): boolean {
    const { modelName } = this.#options;
    const isOfIt = modelName === undefined ? this.names.includes(name) : modelName === name;
    if (!isOfIt || this.#models.traffic(name).unloaded === true) return false;
    return ![...this.#loaded.values()].some(({ folder }) => folder.name === name);
  }

  /**
   * Unloads all that was loaded but these models, after {@link FolderWatch.stop}.
   *
   * @returns whether nothing is left
   */
  unloadAllBut(isKept: (name: string) => boolean): boolean {
    for (const [key, { folder, model }] of this.#loaded) {
      if (isKept(folder.name)) continue;
      this.#loaded.delete(key);
      // Not waited for: requests under way have their own time.
      void this.#unload(folder, model);
    }
    // Nobody is to wait for what could not be loaded.
    for (const key of this.#backOff.keys) {
      const [name = '', version = ''] = key.split('/');
      if (isKept(name)) continue;
      this.#backOff.forget(key);
      void this.#models.unload(name, version, null);
    }
    return this.#loaded.size === 0 && this.#backOff.keys.length === 0;
  }

  /** What another source has loaded in its place stays. */
  async #unload({ name, version }: VersionFolder, model: ServedModel): Promise<void> {
    await this.#models.unload(name, version, model);
    this.#tell({ name, version, event: 'unloaded' });
  }

  #schedule(): void {
    if (this.#isStopped || this.#pollMs === 0) return;
    this.#timer = setTimeout(() => {
      void this.look().then(() => this.#schedule());
    }, this.#pollMs);
    this.#timer.unref();
  }

  /** One look. Looks that overlap wait for each other. */
  look(): Promise<void> {
    return this.#inTurn(() => this.#look());
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #scan(): readonly VersionFolder[] {
    const { modelName } = this.#options;
    const found =
      modelName === undefined ? scanModels(this.#folder) : scanVersions(modelName, this.#folder);
    this.#found = found;
    this.#steadiness.remember(found);
    return found;
  }

  async #look(): Promise<void> {
    let found: readonly VersionFolder[];
    try {
      found = this.#scan();
    } catch (error) {
      // A folder that cannot be read is not one that was emptied.
      this.#tell({ name: this.#options.modelName ?? '', version: '', event: 'unreadable', error });
      return;
    }
    const wanted: VersionFolder[] = [];
    for (const name of this.names) {
      const versions = found.filter((each) => each.name === name);
      await this.#configure(name, versions);
      wanted.push(...this.#wanted(name, versions));
    }
    for (const each of wanted) await this.#loadIfDue(each);
    const tried = await this.#loadOthers(found, wanted);
    await this.#unloadOthers(found, wanted, tried);
    this.#options.onLook?.();
  }

  /** Reads what is said of a model; what is wrong is told of once, and the settings before hold on. */
  async #configure(name: string, versions: readonly VersionFolder[]): Promise<void> {
    const { modelName } = this.#options;
    const folder = modelName === undefined ? join(this.#folder, name) : this.#folder;
    try {
      const settings = modelSettings(name, folder, this.#layers);
      this.#settings.set(name, settings);
      this.#problems.delete(name);
      await this.#book.setBase(name, { ...settings.traffic, policy: this.#policyOf(settings) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (this.#problems.get(name) === message) return;
      this.#problems.set(name, message);
      this.#tell({ name, version: '', event: 'misconfigured', error });
      const [first] = versions;
      // Without any settings nothing of it is served: what is left out might be what keeps it safe.
      if (!this.#settings.has(name) && first !== undefined) await this.#models.refuse(first, error);
    }
  }

  #policyOf({ described, versions }: ModelSettings): VersionPolicy {
    const isSaid = described['versionPolicy']?.from !== 'default';
    return isSaid ? versions : (this.#options.versions ?? versions);
  }

  /** The highest first, so that it has the requests as soon as can be. */
  #wanted(name: string, versions: readonly VersionFolder[]): VersionFolder[] {
    const settings = this.#settings.get(name);
    if (settings === undefined) return [];
    const policy = this.#policyOf(settings);
    const loadable = versions.filter((each) => this.#isLoadable(each));
    const wanted = wantedVersions(
      loadable.map(({ version }) => version),
      policy,
      this.#models.traffic(name),
    );
    return loadable
      .filter((each) => wanted.has(each.version) || this.#held.has(keyOf(each)))
      .sort((a, b) => (isHigher(a.version, b.version) ? -1 : 1));
  }

  /**
   * Where none that is wanted can be loaded, the next lower one that can be serves meanwhile.
   *
   * @returns those that were tried, or are to be tried again
   */
  async #loadOthers(
    found: readonly VersionFolder[],
    wanted: readonly VersionFolder[],
  ): Promise<VersionFolder[]> {
    const tried: VersionFolder[] = [];
    for (const name of new Set(wanted.map((each) => each.name))) {
      const { disabled = [] } = this.#models.traffic(name);
      const others = found
        .filter((each) => each.name === name && this.#isLoadable(each))
        .filter((each) => !wanted.includes(each) && !disabled.includes(each.version))
        .sort((a, b) => (isHigher(a.version, b.version) ? -1 : 1));
      for (const other of others) {
        if (found.some((each) => each.name === name && this.#loaded.has(keyOf(each)))) break;
        tried.push(other);
        await this.#loadIfDue(other);
      }
    }
    return tried;
  }

  /** Also one that is being changed, as long as what was loaded before is served. */
  #isLoadable(folder: VersionFolder): boolean {
    return this.#steadiness.isSteady(folder) || this.#loaded.has(keyOf(folder));
  }

  #stateOf({ name, state }: VersionFolder): string {
    return `${state}\n${this.#settings.get(name)?.fingerprint}`;
  }

  #isLoaded(folder: VersionFolder): boolean {
    return this.#loaded.get(keyOf(folder))?.state === this.#stateOf(folder);
  }

  async #loadIfDue(folder: VersionFolder): Promise<void> {
    if (this.#isLoaded(folder) || !this.#steadiness.isSteady(folder)) return;
    if (!this.#backOff.mayTry(keyOf(folder), this.#stateOf(folder))) return;
    // Told of, and tried again.
    await this.#load(folder).catch(() => undefined);
  }

  async #load(folder: VersionFolder): Promise<void> {
    const { name, version } = folder;
    const key = keyOf(folder);
    const state = this.#stateOf(folder);
    try {
      const model = await this.#loadAs(folder);
      this.#backOff.forget(key);
      this.#loaded.set(key, { folder, state, model });
      this.#tell({ name, version, event: 'loaded' });
    } catch (error) {
      const tries = this.#backOff.failed(key, state);
      if (tries === 1) this.#tell({ name, version, event: 'failed', error });
      throw error;
    }
  }

  async #loadAs({ name, version, file }: VersionFolder): Promise<ServedModel> {
    const settings = this.#settings.get(name);
    const folder = dirname(file);
    const session = { ...this.#options.session, ...settings?.session };
    let source: ModelSource = { name, version, file, session };
    try {
      if (settings !== undefined) source = { ...source, serving: settings.servingOf(folder) };
    } catch (error) {
      await this.#models.refuse(source, error);
      throw error;
    }
    return this.#models.load(source, preparation(settings ?? { warmUp: undefined }, folder));
  }

  /** Lower versions go once a wanted one is there; one that was removed goes at once. */
  async #unloadOthers(
    found: readonly VersionFolder[],
    wanted: readonly VersionFolder[],
    tried: readonly VersionFolder[],
  ): Promise<void> {
    const present = new Set(found.map(keyOf));
    const kept = new Set([...wanted, ...tried].map(keyOf));
    const isReplaced = ({ name, version }: VersionFolder): boolean => {
      const of = wanted.filter((each) => each.name === name);
      if (of.length > 0) return of.some((each) => this.#loaded.has(keyOf(each)));
      // Where nothing else will come, it goes if somebody said so, and not because a policy has no other.
      const { unloaded, disabled = [] } = this.#models.traffic(name);
      return unloaded === true || disabled.includes(version);
    };
    for (const [key, { folder, model }] of this.#loaded) {
      if (kept.has(key) || (present.has(key) && !isReplaced(folder))) continue;
      this.#loaded.delete(key);
      // Not waited for: requests under way have their own time.
      void this.#unload(folder, model);
    }
    for (const key of this.#backOff.keys) {
      if (present.has(key) && kept.has(key)) continue;
      this.#backOff.forget(key);
      const [name = '', version = ''] = key.split('/');
      // What could not be loaded is told of as long as it should have been.
      if (!this.#loaded.has(key)) await this.#models.unload(name, version, null);
    }
  }

  #tell(change: FolderChange): void {
    this.#options.onChange?.(change);
  }
}

const keyOf = ({ name, version }: VersionFolder): string => `${name}/${version}`;
