import {
  ModelError,
  isHigher,
  mayBeDefault,
  type Canary,
  type ModelRepository,
  type Shadow,
  type VersionState,
} from '../models';
import type { VersionSource } from './source';
import { writeState } from './state-file';
import type { TrafficBook, TrafficChanges } from './traffic-book';

/** A version as management shows it. */
export interface ManagedVersion {
  readonly version: string;
  /** UNLOADED for one that is there and was not to be loaded. */
  readonly state: VersionState | 'UNLOADED';
  readonly reason?: string;
  /** It answers requests that name no version. */
  readonly isDefault: boolean;
  readonly isDisabled: boolean;
}

/** A model as management shows it. */
export interface ManagedModel {
  readonly name: string;
  readonly versions: readonly ManagedVersion[];
  readonly pin?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly canary?: Canary;
  readonly shadow?: Shadow;
  readonly isUnloaded: boolean;
  /** Why the last configuration of it is not followed. */
  readonly problem?: string;
}

/** What the manager works on. */
export interface ManagerSettings {
  readonly models: ModelRepository;
  readonly book: TrafficBook;
  readonly sources: () => readonly VersionSource[];
  /** Why a model's configuration is not followed. */
  readonly problem: (name: string) => string | undefined;
  /** Where changes are kept; undefined for nowhere. */
  readonly stateFile: string | undefined;
}

/**
 * Changes which versions of models are served and who has which, one change after the other. A version
 * is loaded before requests are sent to it, and they are sent elsewhere before one is unloaded: no
 * change fails a request. One that cannot be made changes nothing.
 */
export class ModelManager {
  readonly #settings: ManagerSettings;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: ManagerSettings) {
    this.#settings = settings;
  }

  /** All models, those of which nothing is loaded too. */
  list(): ManagedModel[] {
    const names = new Set(this.#settings.models.names);
    for (const source of this.#settings.sources()) for (const name of source.names) names.add(name);
    return [...names].sort().map((name) => this.describe(name));
  }

  /** @throws ModelError not-found */
  describe(name: string): ManagedModel {
    const { models, problem: problemOf } = this.#settings;
    const isServed = models.names.includes(name);
    const known = this.#known(name);
    if (!isServed && known.size === 0) throw unknownModel(name);
    const { pin, labels = {}, canary, shadow, disabled = [], unloaded } = models.traffic(name);
    const statuses = isServed ? models.versions(name) : [];
    const current = this.#current(name);
    for (const { version } of statuses) known.add(version);
    const versions = [...known]
      .sort((a, b) => (isHigher(a, b) ? -1 : 1))
      .map((version) => {
        const status = statuses.find((each) => each.version === version);
        return {
          version,
          state: status?.state ?? ('UNLOADED' as const),
          ...(status?.reason !== undefined && { reason: status.reason }),
          isDefault: version === current,
          isDisabled: disabled.includes(version),
        };
      });
    const problem = problemOf(name);
    return {
      name,
      versions,
      ...(pin !== undefined && { pin }),
      labels,
      ...(canary && { canary }),
      ...(shadow && { shadow }),
      isUnloaded: unloaded === true,
      ...(problem !== undefined && { problem }),
    };
  }

  /** Sends requests that name no version to this one, whichever others come. */
  pin(name: string, version: string): Promise<void> {
    return this.#change(name, [version], (changes) => ({
      ...enabled(changes, [version]),
      pin: version,
    }));
  }

  unpin(name: string): Promise<void> {
    return this.#change(name, [], (changes) => ({ ...changes, pin: null }));
  }

  /**
   * Sends requests to the version before, or to a lower one that is named, and no more to those above it,
   * until they are loaded or reset. Versions that come later are served as always.
   *
   * @returns the version
   */
  async rollback(name: string, to?: string): Promise<string> {
    return this.#inTurn(async () => {
      const target = to ?? this.#before(name);
      await this.#apply(name, [target], (changes) => {
        const above = [...this.#known(name)].filter((version) => isHigher(version, target));
        const { pin, canary } = this.#settings.models.traffic(name);
        const { disabled = [] } = changes;
        return {
          ...enabled(changes, [target]),
          ...(pin !== undefined && { pin: target }),
          ...(canary && above.includes(canary.version) && { canary: null }),
          disabled: [...new Set([...disabled, ...above])].filter((version) => version !== target),
        };
      });
      return target;
    });
  }

  /** The next lower version that may be served. @throws ModelError bad-request */
  #before(name: string): string {
    const traffic = this.#settings.models.traffic(name);
    const current = this.#current(name);
    const lower = [...this.#known(name)]
      .filter((version) => current !== undefined && isHigher(current, version))
      .filter((version) => mayBeDefault(traffic, version))
      .sort((a, b) => (isHigher(a, b) ? -1 : 1));
    const [first] = lower;
    if (first !== undefined) return first;
    throw new ModelError('bad-request', `there is no version of '${name}' before ${current}`);
  }

  /** Gives labels to versions, or takes them away where there is null. */
  label(name: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
    const named = Object.values(labels).filter((version) => version !== null);
    return this.#change(name, named, (changes) => ({
      ...enabled(changes, named),
      labels: { ...changes.labels, ...labels },
    }));
  }

  /** Gives a version a share of the requests that name none; the others stay where they are. */
  canary(name: string, canary: Canary): Promise<void> {
    return this.#change(name, [canary.version], (changes) => ({
      ...enabled(changes, [canary.version]),
      canary,
    }));
  }

  /** Gives the canary all requests: it is a version like others, and the pinned one if one was. */
  promote(name: string): Promise<void> {
    return this.#change(name, [], (changes) => {
      const { canary, pin } = this.#settings.models.traffic(name);
      if (canary === undefined) throw new ModelError('bad-request', `'${name}' has no canary`);
      const { version } = canary;
      const isHighest = [...this.#known(name)].every((other) => !isHigher(other, version));
      // A lower one than others would lose its requests to them.
      const isPinned = pin !== undefined || !isHighest;
      return { ...changes, canary: null, ...(isPinned && { pin: version }) };
    });
  }

  /** Ends the canary, whose version is served no more until it is loaded. */
  abort(name: string): Promise<void> {
    return this.#change(name, [], (changes) => {
      const { canary } = this.#settings.models.traffic(name);
      if (canary === undefined) throw new ModelError('bad-request', `'${name}' has no canary`);
      return { ...disabledToo(changes, [canary.version]), canary: null };
    });
  }

  /** Runs a share of the requests on a version, too, and compares. */
  shadow(name: string, shadow: Shadow): Promise<void> {
    if (shadow.version === this.#current(name)) {
      const why = `version ${shadow.version} answers the requests itself`;
      return Promise.reject(new ModelError('bad-request', why));
    }
    return this.#change(name, [shadow.version], (changes) => ({
      ...enabled(changes, [shadow.version]),
      shadow,
    }));
  }

  /** Ends the shadow; its version is served no more until it is loaded, unless it is named elsewhere. */
  unshadow(name: string): Promise<void> {
    return this.#change(name, [], (changes) => {
      const { shadow, pin, labels = {} } = this.#settings.models.traffic(name);
      if (shadow === undefined) throw new ModelError('bad-request', `'${name}' has no shadow`);
      const isNamed = [pin, ...Object.values(labels)].includes(shadow.version);
      const rest = isNamed ? changes : disabledToo(changes, [shadow.version]);
      return { ...rest, shadow: null };
    });
  }

  /** Loads a model that was unloaded, or a version that is not served, as soon as can be. */
  load(name: string, version?: string): Promise<void> {
    return this.#inTurn(async () => {
      // What is loaded from a file is read again; a folder knows what has changed.
      const wanted = version === undefined ? this.#files(name) : [version];
      const next = (changes: TrafficChanges) =>
        enabled(changes, version === undefined ? [] : [version]);
      await this.#apply(name, wanted, next, true);
    });
  }

  /** Serves a version, or all of a model, no more until it is loaded. Requests under way are answered. */
  unload(name: string, version?: string): Promise<void> {
    return this.#change(name, [], (changes) => {
      if (version === undefined) return { ...changes, unloaded: true };
      if (this.#known(name).has(version)) return disabledToo(changes, [version]);
      throw new ModelError('not-found', `model '${name}' has no version ${version}`);
    });
  }

  /** Forgets all that was changed here: the configuration alone holds. */
  reset(name: string): Promise<void> {
    return this.#change(name, [], () => ({}));
  }

  /** After all changes under way. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  #current(name: string): string | undefined {
    try {
      return this.#settings.models.find(name).version;
    } catch {
      return undefined;
    }
  }

  /** The versions of a model that are there, loaded or not. */
  #known(name: string): Set<string> {
    return new Set(this.#settings.sources().flatMap((source) => source.known(name)));
  }

  #files(name: string): readonly string[] {
    return this.#settings.sources().flatMap((source) => source.reloadable?.(name) ?? []);
  }

  #change(
    name: string,
    needed: readonly string[],
    next: (changes: TrafficChanges) => TrafficChanges,
  ): Promise<void> {
    return this.#inTurn(() => this.#apply(name, needed, next));
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** @param needed - versions that have to be loaded before */
  async #apply(
    name: string,
    needed: readonly string[],
    next: (changes: TrafficChanges) => TrafficChanges,
    again = false,
  ): Promise<void> {
    const { book, models, stateFile } = this.#settings;
    if (this.#known(name).size === 0 && !models.names.includes(name)) throw unknownModel(name);
    try {
      for (const version of new Set(needed)) await this.#ensure(name, version, again);
      const changes = next(book.changes(name));
      if (stateFile !== undefined) {
        const all: Record<string, TrafficChanges> = { ...book.allChanges(), [name]: changes };
        if (Object.keys(changes).length === 0) Reflect.deleteProperty(all, name);
        await writeState(stateFile, all);
      }
      await book.setChanges(name, changes);
    } finally {
      await this.#settle(name);
    }
  }

  async #settle(name: string): Promise<void> {
    for (const source of this.#settings.sources()) await source.settle(name);
  }

  /** @throws ModelError not-found, not-ready with why it cannot be loaded */
  async #ensure(name: string, version: string, again: boolean): Promise<void> {
    try {
      for (const source of this.#settings.sources()) {
        if (await source.ensure(name, version, again)) return;
      }
    } catch (error) {
      if (error instanceof ModelError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      const what = `version ${version} of model '${name}' could not be loaded: ${message}`;
      throw new ModelError('not-ready', what, { cause: error });
    }
    // What a program has loaded by itself.
    const { models } = this.#settings;
    const isThere =
      models.names.includes(name) &&
      models.versions(name).some((each) => each.version === version && each.model !== undefined);
    if (isThere) return;
    throw new ModelError('not-found', `model '${name}' has no version ${version}`);
  }
}

const unknownModel = (name: string): ModelError =>
  new ModelError('not-found', `no model is called '${name}'`);

/** Versions are served again, and so is the model. */
function enabled(changes: TrafficChanges, versions: readonly string[]): TrafficChanges {
  const { disabled = [], unloaded: _, ...rest } = changes;
  const left = disabled.filter((version) => !versions.includes(version));
  return { ...rest, ...(left.length > 0 && { disabled: left }) };
}

const disabledToo = (changes: TrafficChanges, versions: readonly string[]): TrafficChanges => ({
  ...changes,
  disabled: [...new Set([...(changes.disabled ?? []), ...versions])],
});
