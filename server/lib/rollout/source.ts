/** Where versions of models come from. What it loads goes by how requests are to be spread. */
export interface VersionSource {
  /** The models that it has. */
  readonly names: readonly string[];
  /** The versions of a model that are there, loaded or not. */
  known(name: string): readonly string[];
  /** Versions that are read again where all of a model is to be loaded. */
  reloadable?(name: string): readonly string[];
  /**
   * Loads a version now, whatever was tried before, and keeps it until `settle`.
   *
   * @param again - a file is read again that was loaded already
   * @returns whether it has such a version
   * @throws OnliteError, PreparationError, ModelError if it cannot be loaded
   */
  ensure(name: string, version: string, again?: boolean): Promise<boolean>;
  /** Loads and unloads what has to be, after requests are to be spread otherwise. */
  settle(name: string): Promise<void>;
}
