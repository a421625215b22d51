import { statSync } from 'node:fs';

import type { SessionOptions } from 'onlite';

import { scanModels, scanVersions, type VersionFolder } from './folder';
import type { ModelRepository } from './repository';

/** Which of a model's versions are served: the highest so many, all, or these. */
export type VersionPolicy = { readonly latest: number } | 'all' | readonly string[];

/** How a folder of models is served. */
export interface FolderOptions {
  /** The folder is that of one model, whose versions are in it. Default: a folder a model. */
  readonly modelName?: string;
  /** Milliseconds between two looks. Default 2000; 0 for one look only. */
  readonly pollMs?: number;
  /** Default the highest. */
  readonly versions?: VersionPolicy;
  readonly session?: SessionOptions;
  /** Told of what is loaded, unloaded and broken. */
  readonly onChange?: (change: FolderChange) => void;
}

export interface FolderChange {
  readonly name: string;
  readonly version: string;
  readonly event: 'loaded' | 'unloaded' | 'failed' | 'unreadable';
  readonly error?: unknown;
}

/** What is known of a version from the looks before. */
interface Seen {
  readonly state: string;
  /** It was seen like this twice, or is older than two looks are apart. */
  readonly isSteady: boolean;
}

/** A version that could not be loaded: when to try again. */
interface Broken {
  readonly folder: VersionFolder;
  readonly state: string;
  readonly tries: number;
  readonly notBefore: number;
}

const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 300_000;

/**
 * Serves what is in a folder and looks again and again. A version is loaded when nothing in its folder
 * has changed between two looks, so that one which is being copied is not read half-written; it
 * replaces lower ones once it is loaded. One that cannot be loaded is told of once and tried again
 * after longer and longer times, or when it has changed.
 */
export class FolderWatch {
  readonly #models: ModelRepository;
  readonly #folder: string;
  readonly #options: FolderOptions;
  readonly #pollMs: number;
  #seen = new Map<string, Seen>();
  readonly #suspended = new Set<string>();
  readonly #broken = new Map<string, Broken>();
  /** What was loaded of this folder: the state that it had then. */
  readonly #loaded = new Map<string, { folder: VersionFolder; state: string }>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(models: ModelRepository, folder: string, options: FolderOptions = {}) {
    this.#models = models;
    this.#folder = folder;
    this.#options = options;
    this.#pollMs = options.pollMs ?? 2000;
  }

  /**
   * Loads what is there and has stood still, and begins to look for changes.
   *
   * @throws Error if the folder cannot be read
   */
  async start(): Promise<void> {
    if (!statSync(this.#folder).isDirectory()) throw new Error(`${this.#folder} is no folder`);
    await this.look();
    this.#schedule();
  }

  /** Serves a model again that was unloaded. @returns whether the folder has it */
  async resume(name: string): Promise<boolean> {
    this.#suspended.delete(name);
    await this.look();
    return this.#has(name);
  }

  /** Unloads all versions of a model until it is resumed. @returns whether the folder has it */
  async suspend(name: string): Promise<boolean> {
    this.#suspended.add(name);
    await this.look();
    return this.#has(name);
  }

  #has(name: string): boolean {
    return [...this.#seen.keys()].some((key) => key.startsWith(`${name}/`));
  }

  /** Looks no more, after what is being loaded. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
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
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  async #look(): Promise<void> {
    let found: VersionFolder[];
    try {
      const { modelName } = this.#options;
      found =
        modelName === undefined ? scanModels(this.#folder) : scanVersions(modelName, this.#folder);
    } catch (error) {
      // A folder that cannot be read is not one that was emptied.
      this.#tell({ name: this.#options.modelName ?? '', version: '', event: 'unreadable', error });
      return;
    }
    this.#remember(found);
    const allowed = found.filter(({ name }) => !this.#suspended.has(name));
    const wanted = this.#wanted(allowed.filter((each) => this.#isSteady(each)));
    for (const each of wanted) await this.#load(each);
    await this.#unloadOthers(allowed, wanted);
  }

  #remember(found: readonly VersionFolder[]): void {
    const now = Date.now();
    const seen = new Map<string, Seen>();
    for (const each of found) {
      const { state, changed } = each;
      const isOld = changed < now - Math.max(this.#pollMs, 1000);
      const isSteady = isOld || this.#seen.get(keyOf(each))?.state === state;
      seen.set(keyOf(each), { state, isSteady });
    }
    this.#seen = seen;
  }

  /** Also one that is being changed, as long as what was loaded before is served. */
  #isSteady(folder: VersionFolder): boolean {
    const key = keyOf(folder);
    return this.#seen.get(key)?.isSteady === true || this.#loaded.has(key);
  }

  #wanted(found: readonly VersionFolder[]): VersionFolder[] {
    const policy = this.#options.versions ?? { latest: 1 };
    if (policy === 'all') return [...found];
    if (!('latest' in policy)) return found.filter(({ version }) => policy.includes(version));
    const byName = new Map<string, VersionFolder[]>();
    for (const each of found) {
      byName.set(each.name, [...(byName.get(each.name) ?? []), each]);
    }
    return [...byName.values()].flatMap((versions) =>
      versions
        .sort((a, b) => (BigInt(a.version) < BigInt(b.version) ? 1 : -1))
        .slice(0, policy.latest),
    );
  }

  async #load(folder: VersionFolder): Promise<void> {
    const key = keyOf(folder);
    const { name, version, file, state } = folder;
    if (this.#loaded.get(key)?.state === state || this.#seen.get(key)?.isSteady !== true) return;
    const broken = this.#broken.get(key);
    if (broken?.state === state && Date.now() < broken.notBefore) return;
    const { session } = this.#options;
    try {
      await this.#models.load({ name, version, file, ...(session && { session }) });
      this.#broken.delete(key);
      this.#loaded.set(key, { folder, state });
      this.#tell({ name, version, event: 'loaded' });
    } catch (error) {
      const tries = broken?.state === state ? broken.tries + 1 : 1;
      const wait = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LAST_RETRY_MS);
      this.#broken.set(key, { folder, state, tries, notBefore: Date.now() + wait });
      if (tries === 1) this.#tell({ name, version, event: 'failed', error });
    }
  }

  /** Lower versions go once a wanted one is there; one that was removed goes at once. */
  async #unloadOthers(
    found: readonly VersionFolder[],
    wanted: readonly VersionFolder[],
  ): Promise<void> {
    const present = new Set(found.map(keyOf));
    const kept = new Set(wanted.map(keyOf));
    const replaced = new Set(
      wanted.filter((each) => this.#loaded.has(keyOf(each))).map(({ name }) => name),
    );
    for (const [key, { folder }] of this.#loaded) {
      const { name, version } = folder;
      if (kept.has(key) || (present.has(key) && !replaced.has(name))) continue;
      this.#loaded.delete(key);
      // Not waited for: requests under way have their own time.
      void this.#models
        .unload(name, version)
        .then(() => this.#tell({ name, version, event: 'unloaded' }));
    }
    for (const [key, { folder }] of this.#broken) {
      if (present.has(key)) continue;
      this.#broken.delete(key);
      await this.#models.unload(folder.name, folder.version);
    }
  }

  #tell(change: FolderChange): void {
    this.#options.onChange?.(change);
  }
}

const keyOf = ({ name, version }: VersionFolder): string => `${name}/${version}`;
