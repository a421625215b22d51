import { TensorPool } from 'onlite';

import type { BindingLimits } from './bindings';
import { ModelError } from './errors';
import { ServedModel, type ModelSource, type SharedModel } from './served-model';

/** The life of a version, in TensorFlow Serving's words. */
export type VersionState = 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END';

/** A version of a model, loaded or not. */
export interface VersionStatus {
  readonly name: string;
  readonly version: string;
  readonly state: VersionState;
  /** Why it is not available: what loading it failed with. */
  readonly reason: string | undefined;
  readonly model: ServedModel | undefined;
}

/** What a repository keeps besides the models themselves. */
export interface RepositoryOptions {
  /** Bytes of the tensors of all requests; beyond it they are refused. Default 1 GiB. */
  readonly maxTensorBytes?: number;
  /** Requests' memory that a version keeps for later ones: so many bindings at most. Default 64. */
  readonly maxFreeBindings?: number;
  /** And so many bytes. Default 256 MiB. */
  readonly maxFreeBytes?: number;
}

/** Told of what becomes of versions, so that other threads serve the same. */
export interface RepositoryMirror {
  /** A version has another state, or another model. */
  changed(status: VersionStatus): Promise<void>;
  /** A version is to be unloaded, or is no more. */
  dropped(name: string, version: string): Promise<void>;
  labelled(name: string, labels: Readonly<Record<string, string>>): void;
}

interface Entry {
  source: ModelSource;
  state: VersionState;
  reason: string | undefined;
  model: ServedModel | undefined;
  /** Settles when what it is going through has come to its end. */
  change: Promise<void>;
}

/** What is loaded under which name and version. Versions are compared as whole numbers. */
export class ModelRepository {
  readonly #models = new Map<string, Map<string, Entry>>();
  readonly #labels = new Map<string, ReadonlyMap<string, string>>();
  readonly #pool: TensorPool;
  readonly #limits: BindingLimits;

  readonly #threads: number;
  readonly #thread: number;
  /** Of other threads. */
  mirror: RepositoryMirror | undefined;

  /** @param threads - that answer requests, of which this is `thread` */
  constructor(options: RepositoryOptions = {}, threads = 1, thread = 0) {
    this.#threads = threads;
    this.#thread = thread;
    this.#pool = new TensorPool({
      maxBytes: Math.ceil((options.maxTensorBytes ?? 1 << 30) / threads),
    });
    this.#limits = {
      maxFree: Math.ceil((options.maxFreeBindings ?? 64) / threads),
      maxFreeBytes: Math.ceil((options.maxFreeBytes ?? 256 << 20) / threads),
    };
  }

  get names(): string[] {
    return [...this.#models.keys()];
  }

  /**
   * Loads a version and serves it. One that is there already stays until the new one is ready.
   *
   * @throws OnliteError as `InferenceSession.create`; the version then says so in its status
   */
  async load(source: ModelSource): Promise<ServedModel> {
    const { name, version } = source;
    const versions = this.#models.get(name) ?? new Map<string, Entry>();
    this.#models.set(name, versions);
    const before = versions.get(version);
    if (before !== undefined) await before.change;
    const entry: Entry = before ?? {
      source,
      state: 'LOADING',
      reason: undefined,
      model: undefined,
      change: Promise.resolve(),
    };
    versions.set(version, entry);
    const loading = this.#replace(entry, source);
    entry.change = loading.then(
      () => undefined,
      () => undefined,
    );
    return loading;
  }

  async #replace(entry: Entry, source: ModelSource): Promise<ServedModel> {
    const old = entry.model;
    try {
      if (old === undefined) {
        entry.state = 'LOADING';
        await this.#tell(entry);
      }
      const model = await ServedModel.load(source, this.#pool, this.#limits, this.#threads);
      Object.assign(entry, { source, model, state: 'AVAILABLE', reason: undefined });
      await this.#tell(entry);
      void old?.retire();
      return model;
    } catch (error) {
      entry.reason = error instanceof Error ? error.message : String(error);
      if (old === undefined) {
        entry.state = 'END';
        await this.#tell(entry);
      }
      throw error;
    }
  }

  async #tell(entry: Entry): Promise<void> {
    await this.mirror?.changed(statusOf(entry));
  }

  /** Serves what another thread has loaded; one that is there already is released after its requests. */
  attach({ name, version, state, reason }: VersionStatus, shared: SharedModel | undefined): void {
    const versions = this.#models.get(name) ?? new Map<string, Entry>();
    this.#models.set(name, versions);
    const source = shared?.source ?? { name, version, file: '' };
    const before = versions.get(version);
    const model = shared && ServedModel.attach(shared, this.#pool, this.#limits, this.#thread);
    versions.set(version, { source, state, reason, model, change: Promise.resolve() });
    void before?.model?.retire();
  }

  /** Waits for the requests of a version and releases it; forgets it. */
  async unload(name: string, version: string): Promise<void> {
    const versions = this.#models.get(name);
    const entry = versions?.get(version);
    if (versions === undefined || entry === undefined) return;
    await entry.change;
    entry.state = 'UNLOADING';
    await Promise.all([entry.model?.retire(), this.mirror?.dropped(name, version)]);
    entry.model = undefined;
    entry.state = 'END';
    versions.delete(version);
    if (versions.size === 0) this.#models.delete(name);
  }

  /** Names for versions of a model, such as `stable`. */
  setLabels(name: string, labels: Readonly<Record<string, string>>): void {
    this.#labels.set(name, new Map(Object.entries(labels)));
    this.mirror?.labelled(name, labels);
  }

  /** The labels of all models that have some. */
  labels(): [name: string, labels: Readonly<Record<string, string>>][] {
    return [...this.#labels].map(([name, labels]) => [name, Object.fromEntries(labels)]);
  }

  /**
   * The version of a model that a request is for: by default the highest that is available.
   *
   * @throws ModelError not-found or not-ready
   */
  find(name: string, version?: string): ServedModel {
    const versions = this.#models.get(name);
    if (versions === undefined) throw new ModelError('not-found', `no model is called '${name}'`);
    if (version !== undefined) {
      const entry = versions.get(version);
      if (entry?.model !== undefined) return entry.model;
      throw entry === undefined
        ? new ModelError('not-found', `model '${name}' has no version ${version}`)
        : notReady(entry);
    }
    let newest: ServedModel | undefined;
    for (const { model } of versions.values()) {
      if (model === undefined) continue;
      if (newest === undefined || BigInt(model.version) > BigInt(newest.version)) newest = model;
    }
    if (newest !== undefined) return newest;
    const [entry] = versions.values();
    throw entry === undefined
      ? new ModelError('not-found', `no model is called '${name}'`)
      : notReady(entry);
  }

  /** @throws ModelError bad-request for a label that the model does not have */
  findLabelled(name: string, label: string): ServedModel {
    if (!this.#models.has(name)) throw new ModelError('not-found', `no model is called '${name}'`);
    const version = this.#labels.get(name)?.get(label);
    if (version !== undefined) return this.find(name, version);
    throw new ModelError(
      'bad-request',
      `model '${name}' has no version that is labelled '${label}'`,
    );
  }

  /** All versions of a model, the highest first. @throws ModelError not-found */
  versions(name: string): VersionStatus[] {
    const versions = this.#models.get(name);
    if (versions === undefined) throw new ModelError('not-found', `no model is called '${name}'`);
    return [...versions]
      .map(([, entry]) => statusOf(entry))
      .sort((a, b) => (BigInt(a.version) < BigInt(b.version) ? 1 : -1));
  }

  /** All versions of all models. */
  all(): VersionStatus[] {
    return this.names.flatMap((name) => this.versions(name));
  }

  /** The one model that is served; undefined if there are none or several. */
  get only(): string | undefined {
    const [first, second] = this.#models.keys();
    return second === undefined ? first : undefined;
  }

  /** Whether every model has a version that is available. */
  get isReady(): boolean {
    for (const versions of this.#models.values()) {
      if (![...versions.values()].some(({ model }) => model !== undefined)) return false;
    }
    return this.#models.size > 0;
  }

  /** Releases all sessions, after the requests under way. */
  async close(): Promise<void> {
    await Promise.all(this.all().map(({ name, version }) => this.unload(name, version)));
    this.#pool.dispose();
  }
}

function statusOf({ source: { name, version }, state, reason, model }: Entry): VersionStatus {
  return { name, version, state, reason, model };
}

function notReady({ source, state, reason }: Entry): ModelError {
  const why = reason === undefined ? `is ${state}` : `could not be loaded: ${reason}`;
  return new ModelError('not-ready', `version ${source.version} of model '${source.name}' ${why}`);
}
