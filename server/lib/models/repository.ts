import { TensorPool, type SessionOptions } from 'onlite';
import type { PublicKey } from 'onlite/security';

import type { BindingLimits } from './bindings';
import { ModelError } from './errors';
import { exchangeUnderWay } from './exchange';
import { ModelCounts, failureReason } from './model-counts';
import type { Prepare } from './preparation';
import type { Watches } from './recorder';
import { Route, type KeyReader } from './route';
import { ServedModel, type ModelSource, type SharedModel } from './served-model';
import { Shadowing } from './shadowing';
import { NO_TRAFFIC, isHigher, type Traffic } from './traffic';
import { readTrusted } from './trusted-model';

/** The life of a version, in TensorFlow Serving's words. */
export type VersionState = 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END';

/** A version of a model, loaded or not. */
export interface VersionStatus {
  readonly name: string;
  readonly version: string;
  readonly state: VersionState;
  /** What loading it failed with; of one that is available, what loading it anew failed with. */
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
  /**
   * Keys of which one must have signed each model, the folder of its version or its file; others are
   * not loaded. By default signatures are not asked for.
   */
  readonly trustedKeys?: readonly PublicKey[];
  /** The key of encrypted models, of those whose session options have none. */
  readonly decrypt?: SessionOptions['decrypt'];
}

/** Told of what becomes of versions, so that other threads serve the same. */
export interface RepositoryMirror {
  /** A version has another state, or another model. */
  changed(status: VersionStatus): Promise<void>;
  /** A version is to be unloaded, or is no more. */
  dropped(name: string, version: string): Promise<void>;
  /** Requests are spread otherwise. */
  routed(name: string, traffic: Traffic): Promise<void>;
  /** A model's events are counted here. */
  counted(name: string, memory: SharedArrayBuffer): void;
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
  readonly #routes = new Map<string, Route>();
  readonly #traffic = new Map<string, Traffic>();
  readonly #counts = new Map<string, ModelCounts>();
  /** Versions that answer what is under way, and nothing else. */
  readonly #draining = new Set<ServedModel>();
  readonly #pool: TensorPool;
  readonly #limits: BindingLimits;

  readonly #trustedKeys: readonly PublicKey[] | undefined;
  readonly #decrypt: SessionOptions['decrypt'];
  readonly #threads: number;
  readonly #thread: number;
  /** Told of what is wrong with a version that is served; undefined when nothing is any more. */
  onProblem: ((model: ServedModel, problem: string | undefined) => void) | undefined;
  /** Of other threads. */
  mirror: RepositoryMirror | undefined;
  /** Who watches versions; undefined where nobody does. */
  watches: Watches | undefined;

  /** @param threads - that answer requests, of which this is `thread` */
  constructor(options: RepositoryOptions = {}, threads = 1, thread = 0) {
    this.#trustedKeys = options.trustedKeys;
    this.#decrypt = options.decrypt;
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
   * @param prepare - what it goes through before it is served
   * @throws OnliteError as `InferenceSession.create`; the version then says so in its status
   * @throws PreparationError as `prepare`
   */
  load(source: ModelSource, prepare?: Prepare): Promise<ServedModel> {
    const { name, version } = source;
    const entry = this.#models.get(name)?.get(version) ?? newEntry(source);
    this.#keep(entry);
    const loading = entry.change.then(() => this.#replace(entry, source, prepare));
    entry.change = settled(loading);
    return loading;
  }

  /** Says of a version why it cannot be loaded, where that was not even tried. */
  async refuse(source: ModelSource, error: unknown): Promise<void> {
    const { name, version } = source;
    const entry = this.#models.get(name)?.get(version) ?? newEntry(source);
    await entry.change;
    this.#keep(entry);
    if (entry.model === undefined) entry.state = 'END';
    entry.reason = error instanceof Error ? error.message : String(error);
    this.countsOf(name).failed('settings');
    await this.#tell(entry);
  }

  #keep(entry: Entry): void {
    const { name, version } = entry.source;
    const versions = this.#models.get(name) ?? new Map<string, Entry>();
    this.#models.set(name, versions);
    versions.set(version, entry);
  }

  async #replace(
    entry: Entry,
    source: ModelSource,
    prepare: Prepare | undefined,
  ): Promise<ServedModel> {
    const old = entry.model;
    const counts = this.countsOf(source.name);
    // It may have been unloaded since.
    this.#keep(entry);
    try {
      if (old === undefined) {
        entry.state = 'LOADING';
        await this.#tell(entry);
      }
      const trusted = this.#trustedKeys && (await readTrusted(source.file, this.#trustedKeys));
      const model = await ServedModel.load(
        { ...source, session: { ...this.#sessionDefaults(source), ...source.session } },
        this.#pool,
        this.#limits,
        this.#threads,
        trusted,
      );
      model.onProblem = (problem) => this.onProblem?.(model, problem);
      await prepareOrRetire(model, prepare);
      model.recorder = await this.#watch(model);
      Object.assign(entry, { source, model, state: 'AVAILABLE', reason: undefined });
      this.#reroute(source.name);
      counts.loaded();
      await this.#tell(entry);
      if (old !== undefined) void this.#drain(old);
      return model;
    } catch (error) {
      counts.failed(failureReason(error));
      entry.reason = error instanceof Error ? error.message : String(error);
      if (old === undefined) entry.state = 'END';
      await this.#tell(entry);
      throw error;
    }
  }

  #sessionDefaults({ name }: ModelSource): SessionOptions {
    const decrypt = this.#decrypt;
    return {
      ...(decrypt !== undefined && { decrypt }),
      // Requests for another version, or the same one, are answered meanwhile.
      ...(this.#routes.has(name) && { loadPriority: 'low' }),
    };
  }

  /** What it is watched for goes on where a version takes the place of the same one. */
  async #watch(model: ServedModel): Promise<ServedModel['recorder']> {
    try {
      return await this.watches?.open(model);
    } catch (error) {
      await model.retire();
      throw error;
    }
  }

  async #tell(entry: Entry): Promise<void> {
    await this.mirror?.changed(statusOf(entry));
  }

  /** Serves what another thread has loaded; one that is there already is released after its requests. */
  attach({ name, version, state, reason }: VersionStatus, shared: SharedModel | undefined): void {
    const source = shared?.source ?? { name, version, file: '' };
    const before = this.#models.get(name)?.get(version);
    const model = shared && ServedModel.attach(shared, this.#pool, this.#limits, this.#thread);
    if (model) {
      model.onProblem = (problem) => this.onProblem?.(model, problem);
      model.recorder = this.watches?.attach(model);
    }
    this.#keep({ source, state, reason, model, change: Promise.resolve() });
    this.#reroute(name);
    if (before?.model !== undefined) void this.#drain(before.model);
  }

  /**
   * Sends no more requests to a version, waits for those under way and releases it; forgets it. It may be
   * loaded again meanwhile.
   *
   * @param of - what is to go: what has been loaded in its place since is left alone. Null for a version
   *   that could not be loaded; by default whatever is there
   */
  async unload(name: string, version: string, of?: ServedModel | null): Promise<void> {
    const entry = this.#models.get(name)?.get(version);
    if (entry === undefined) return;
    const removing = entry.change.then(() => {
      const isIt = of === undefined || entry.model === (of ?? undefined);
      return isIt ? this.#remove(entry) : [];
    });
    entry.change = settled(removing);
    // Who waits for the change does not wait for requests.
    const [dropped, model] = await removing;
    await Promise.all([dropped, model && this.#drain(model)]);
  }

  #remove(entry: Entry): [Promise<void> | undefined, ServedModel | undefined] {
    const { name, version } = entry.source;
    const { model } = entry;
    const versions = this.#models.get(name);
    if (versions?.get(version) === entry) versions.delete(version);
    if (versions?.size === 0) this.#models.delete(name);
    entry.model = undefined;
    entry.state = 'END';
    this.#reroute(name);
    const dropped = this.mirror?.dropped(name, version);
    dropped?.catch(() => undefined);
    return [dropped, model];
  }

  async #drain(model: ServedModel): Promise<void> {
    this.#draining.add(model);
    try {
      await model.retire();
      if (model.recorder !== undefined) await this.watches?.close(model);
    } finally {
      this.#draining.delete(model);
    }
  }

  /** Names for versions of a model, such as `stable`. */
  setLabels(name: string, labels: Readonly<Record<string, string>>): void {
    // Other threads that are no more need not know.
    this.setTraffic(name, { ...this.traffic(name), labels }).catch(() => undefined);
  }

  /** Spreads the requests for a model over its versions otherwise, in all threads once it resolves. */
  async setTraffic(name: string, traffic: Traffic): Promise<void> {
    this.#traffic.set(name, traffic);
    this.#reroute(name);
    await this.mirror?.routed(name, traffic);
  }

  traffic(name: string): Traffic {
    return this.#traffic.get(name) ?? NO_TRAFFIC;
  }

  /** That of all models that have some. */
  allTraffic(): [name: string, traffic: Traffic][] {
    return [...this.#traffic];
  }

  /** What has become of a model's versions, all of them. */
  countsOf(name: string): ModelCounts {
    let counts = this.#counts.get(name);
    if (counts === undefined) {
      counts = new ModelCounts();
      this.#counts.set(name, counts);
      this.mirror?.counted(name, counts.memory);
    }
    return counts;
  }

  /** Counts in memory that another thread writes. */
  setCounts(name: string, memory: SharedArrayBuffer): void {
    this.#counts.set(name, new ModelCounts(memory));
  }

  allCounts(): [name: string, counts: ModelCounts][] {
    return [...this.#counts];
  }

  /** Goes by what there is and how requests are to be spread. */
  #reroute(name: string): void {
    const available = [...(this.#models.get(name)?.values() ?? [])].flatMap(
      ({ model }) => model ?? [],
    );
    const before = this.#routes.get(name)?.model;
    const traffic = this.traffic(name);
    const route = new Route(traffic, available);
    if (available.length === 0) this.#routes.delete(name);
    else this.#routes.set(name, route);
    const isSwap = before !== undefined && route.model !== undefined && before !== route.model;
    if (isSwap && this.#thread === 0) this.countsOf(name).swapped();
    this.#shadow(traffic, available);
  }

  #shadow({ shadow }: Traffic, available: readonly ServedModel[]): void {
    const target = available.find(({ version }) => version === shadow?.version);
    const shadowing = target && shadow && new Shadowing(target, shadow);
    for (const model of available) model.shadowing = model === target ? undefined : shadowing;
  }

  /**
   * The version of a model that a request is for, by default that of {@link Traffic}.
   *
   * @throws ModelError not-found or not-ready
   */
  find(name: string, version?: string): ServedModel {
    return concerns(this.#find(name, version));
  }

  #find(name: string, version?: string): ServedModel {
    if (version === undefined) {
      const model = this.#routes.get(name)?.model;
      if (model !== undefined) return model;
    }
    const versions = this.#models.get(name);
    if (versions === undefined) throw new ModelError('not-found', `no model is called '${name}'`);
    if (version !== undefined) {
      const entry = versions.get(version);
      if (entry?.model !== undefined) return entry.model;
      throw entry === undefined
        ? new ModelError('not-found', `model '${name}' has no version ${version}`)
        : notReady(entry);
    }
    const [entry] = versions.values();
    throw entry === undefined
      ? new ModelError('not-found', `no model is called '${name}'`)
      : notReady(entry);
  }

  /**
   * What answers a request that names no version in place of what {@link find} gives: the canary, for its
   * share of requests.
   */
  divert(model: ServedModel, read: KeyReader): ServedModel {
    const route = this.#routes.get(model.name);
    if (route?.canary === undefined) return model;
    const chosen = route.choose(read) ?? model;
    if (chosen === route.canary) chosen.statistics.choseCanary();
    return concerns(chosen);
  }

  /** The canary of a model and its share of requests, 0 to 1. */
  canary(name: string): { readonly model: ServedModel; readonly share: number } | undefined {
    const route = this.#routes.get(name);
    return route?.canary && { model: route.canary, share: route.share };
  }

  /** @throws ModelError bad-request for a label that the model does not have */
  findLabelled(name: string, label: string): ServedModel {
    if (!this.#models.has(name)) throw new ModelError('not-found', `no model is called '${name}'`);
    const { labels = {} } = this.traffic(name);
    const version = Object.hasOwn(labels, label) ? labels[label] : undefined;
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
    const draining = [...this.#draining].filter(
      (model) => model.name === name && !versions.has(model.version),
    );
    return [...[...versions.values()].map(statusOf), ...draining.map(statusOfDraining)].sort(
      (a, b) => (isHigher(b.version, a.version) ? 1 : -1),
    );
  }

  /** All versions of all models. */
  all(): VersionStatus[] {
    return this.names.flatMap((name) => this.versions(name));
  }

  /** Versions that requests may be for, and which of them has those that name none. */
  loaded(): { name: string; version: string; isDefault: boolean }[] {
    return this.all().flatMap(({ name, version, model }) =>
      model === undefined
        ? []
        : [{ name, version, isDefault: this.#routes.get(name)?.model === model }],
    );
  }

  /** Whether some version is watched. */
  get isWatched(): boolean {
    return this.all().some(({ model }) => model?.recorder !== undefined);
  }

  /** The one model that is served; undefined if there are none or several. */
  get only(): string | undefined {
    const [first, second] = this.#models.keys();
    return second === undefined ? first : undefined;
  }

  /** The server is about to end: nobody is to send more requests. */
  isDraining = false;

  /** Whether every model has a version that is available. */
  get isReady(): boolean {
    if (this.isDraining) return false;
    for (const name of this.#models.keys()) {
      if (this.#routes.get(name)?.model?.isHealthy !== true) return false;
    }
    return this.#models.size > 0;
  }

  /** Releases all sessions, after the requests under way. */
  async close(): Promise<void> {
    await Promise.all(this.all().map(({ name, version }) => this.unload(name, version)));
    await Promise.all([...this.#draining].map((model) => model.retire()));
    this.#pool.dispose();
  }
}

/** Notes that a request is about this version. */
function concerns(model: ServedModel): ServedModel {
  const exchange = exchangeUnderWay();
  if (exchange !== undefined) exchange.model = model;
  return model;
}

const newEntry = (source: ModelSource): Entry => ({
  source,
  state: 'LOADING',
  reason: undefined,
  model: undefined,
  change: Promise.resolve(),
});

const settled = (promise: Promise<unknown>): Promise<void> =>
  promise.then(
    () => undefined,
    () => undefined,
  );

async function prepareOrRetire(model: ServedModel, prepare: Prepare | undefined): Promise<void> {
  try {
    await prepare?.(model);
  } catch (error) {
    await model.retire();
    throw error;
  }
}

function statusOf({ source: { name, version }, state, reason, model }: Entry): VersionStatus {
  return { name, version, state, reason, model };
}

const statusOfDraining = ({ name, version }: ServedModel): VersionStatus => ({
  name,
  version,
  state: 'UNLOADING',
  reason: undefined,
  model: undefined,
});

function notReady({ source, state, reason }: Entry): ModelError {
  const why = reason === undefined ? `is ${state}` : `could not be loaded: ${reason}`;
  return new ModelError('not-ready', `version ${source.version} of model '${source.name}' ${why}`);
}
