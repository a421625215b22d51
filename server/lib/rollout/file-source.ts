import { wantedVersions, type ModelRepository, type ModelSource, type Prepare } from '../models';
import type { VersionSource } from './source';

/** A file that is a version of a model. */
export interface SourceFile {
  readonly source: ModelSource;
  readonly prepare?: Prepare;
}

/** Versions that are a file each, which the program or the configuration names. */
export class FileSource implements VersionSource {
  readonly #models: ModelRepository;
  readonly #files = new Map<string, SourceFile[]>();

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
    await this.#models.load(file.source, file.prepare);
    const { name, version } = file.source;
    const others = (this.#files.get(name) ?? []).filter((each) => each.source.version !== version);
    this.#files.set(name, [...others, file]);
  }

  async remove(name: string): Promise<void> {
    const versions = this.known(name);
    this.#files.delete(name);
    await Promise.all(versions.map((version) => this.#models.unload(name, version)));
  }

  async ensure(name: string, version: string, again = false): Promise<boolean> {
    const file = this.#files.get(name)?.find(({ source }) => source.version === version);
    if (file === undefined) return false;
    if (again || !this.#loaded().has(keyOf(file.source))) {
      await this.#models.load(file.source, file.prepare);
    }
    return true;
  }

  #loaded(): Set<string> {
    return new Set(this.#models.all().flatMap((each) => (each.model ? keyOf(each) : [])));
  }

  async settle(name: string): Promise<void> {
    const files = this.#files.get(name) ?? [];
    const versions = files.map(({ source }) => source.version);
    const wanted = wantedVersions(versions, 'all', this.#models.traffic(name));
    const loaded = this.#loaded();
    for (const { source, prepare } of files) {
      if (!wanted.has(source.version) || loaded.has(keyOf(source))) continue;
      // What is wrong is its status.
      await this.#models.load(source, prepare).catch(() => undefined);
    }
    for (const { source } of files) {
      if (wanted.has(source.version) || !loaded.has(keyOf(source))) continue;
      // Not waited for: requests under way have their own time.
      void this.#models.unload(name, source.version);
    }
  }
}

const keyOf = ({ name, version }: { name: string; version: string }): string =>
  `${name}/${version}`;
