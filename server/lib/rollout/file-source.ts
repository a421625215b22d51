import {
  namedVersions,
  wantedVersions,
  type ModelRepository,
  type ModelSource,
  type Prepare,
  type ServedModel,
} from '../models';
import type { VersionSource } from './source';

/** A file that is a version of a model. */
export interface SourceFile {
  readonly source: ModelSource;
  readonly prepare?: Prepare;
}

interface KnownFile extends SourceFile {
  /** What was last loaded of it. */
  model: ServedModel | undefined;
  /** The version that is served in its place, once it is loaded and nobody names this one. */
  replacedBy?: string;
}

/** Versions that are a file each, which the program or the configuration names. */
export class FileSource implements VersionSource {
  readonly #models: ModelRepository;
  readonly #files = new Map<string, KnownFile[]>();

  constructor(models: ModelRepository) {
    this.#models = models;
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  known(name: string): readonly string[] {
    return (this.#files.get(name) ?? []).map(({ source }) => source.version);
  }

  reloadable(name: string): readonly string[] {
    const { disabled = [] } = this.#models.traffic(name);
    return this.known(name).filter((version) => !disabled.includes(version));
  }

  /** Loads a file, and knows of it once it is loaded. @throws OnliteError, PreparationError */
  async add(file: SourceFile): Promise<void> {
    const model = await this.#models.load(file.source, file.prepare);
    this.#know({ ...file, model });
  }

  /**
   * Loads a file if requests may be sent to it; else it is loaded once they may.
   *
   * @returns whether it is loaded
   * @throws as `add`
   */
  async addIfWanted(file: SourceFile): Promise<boolean> {
    const { name, version } = file.source;
    const traffic = this.#models.traffic(name);
    const isWanted = wantedVersions([version], 'all', traffic).has(version);
    if (isWanted) await this.add(file);
    else this.#know({ ...file, model: this.#find(name, version)?.model });
    return isWanted;
  }

  #find(name: string, version: string): KnownFile | undefined {
    return this.#files.get(name)?.find(({ source }) => source.version === version);
  }

  #know(file: KnownFile): void {
    const { name, version } = file.source;
    const others = (this.#files.get(name) ?? []).filter((each) => each.source.version !== version);
    this.#files.set(name, [...others, file]);
  }

  /** Unloads all of a model; what other sources have loaded in its place stays. */
  async remove(name: string): Promise<void> {
    const files = this.#files.get(name) ?? [];
    this.#files.delete(name);
    await Promise.all(files.map((file) => this.#unload(file)));
  }

  /**
   * Serves a version in place of another: that one goes once this one is loaded, and neither a pin, a label,
   * a canary nor a shadow names it any more.
   */
  replace(name: string, version: string, by: string): void {
    for (const file of this.#files.get(name) ?? []) {
      const isIt = file.source.version === version || file.replacedBy === version;
      if (isIt && file.source.version !== by) file.replacedBy = by;
    }
    this.dropReplaced(name);
  }

  /** Unloads what was replaced and need not stay: not waited for, as requests under way have their own time. */
  dropReplaced(name: string): void {
    const named = namedVersions(this.#models.traffic(name));
    const loaded = this.#loaded();
    const isDropped = ({ source, replacedBy }: KnownFile): boolean => {
      if (replacedBy === undefined || named.has(source.version)) return false;
      return loaded.has(keyOf({ name, version: replacedBy })) || !loaded.has(keyOf(source));
    };
    const files = this.#files.get(name) ?? [];
    const dropped = files.filter(isDropped);
    if (dropped.length === 0) return;
    this.#files.set(
      name,
      files.filter((file) => !dropped.includes(file)),
    );
    for (const file of dropped) void this.#unload(file);
  }

  async #load(file: KnownFile): Promise<void> {
    file.model = await this.#models.load(file.source, file.prepare);
  }

  async #unload(file: KnownFile): Promise<void> {
    const { name, version } = file.source;
    const { model = null } = file;
    file.model = undefined;
    await this.#models.unload(name, version, model);
  }

  async ensure(name: string, version: string, again = false): Promise<boolean> {
    const file = this.#find(name, version);
    if (file === undefined) return false;
    if (again || !this.#loaded().has(keyOf(file.source))) {
      await this.#load(file);
    }
    return true;
  }

  #loaded(): Set<string> {
    return new Set(this.#models.all().flatMap((each) => (each.model ? keyOf(each) : [])));
  }

  async settle(name: string): Promise<void> {
    this.dropReplaced(name);
    const files = this.#files.get(name) ?? [];
    const versions = files.map(({ source }) => source.version);
    const wanted = wantedVersions(versions, 'all', this.#models.traffic(name));
    const loaded = this.#loaded();
    for (const file of files) {
      if (!wanted.has(file.source.version) || loaded.has(keyOf(file.source))) continue;
      // What is wrong is its status.
      await this.#load(file).catch(() => undefined);
    }
    for (const file of files) {
      if (wanted.has(file.source.version) || file.model === undefined) continue;
      // Not waited for: requests under way have their own time.
      void this.#unload(file);
    }
    this.dropReplaced(name);
  }
}

const keyOf = ({ name, version }: { name: string; version: string }): string =>
  `${name}/${version}`;
