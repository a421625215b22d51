import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Names of a model's file in its version's folder, the first that is there counts. */
const MODEL_FILES = ['model.onnx', 'model.tflite', 'model.ort'] as const;

/** A version as it is on the disk. */
export interface VersionFolder {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  /** Changes when a file of it does: names, sizes and times of all that is in it. */
  readonly state: string;
  /** Milliseconds since 1970 of the last change of a file's content, name or place. */
  readonly changed: number;
}

/** Versions of the models in `DIR/<name>/<version>/`. */
export function scanModels(folder: string): VersionFolder[] {
  return folders(folder)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => scanVersions(name, join(folder, name)));
}

/**
 * Versions of one model in `DIR/<version>/`: folders that are called by whole numbers. Where there are none, the
 * model's file may be in its folder itself, and is version 1.
 */
export function scanVersions(name: string, folder: string): VersionFolder[] {
  const versions = folders(folder).filter((version) => /^(0|[1-9]\d{0,17})$/.test(version));
  if (versions.length === 0) return [describe(name, '1', folder) ?? []].flat();
  return versions.flatMap((version) => describe(name, version, join(folder, version)) ?? []);
}

function describe(name: string, version: string, folder: string): VersionFolder | undefined {
  try {
    const model = MODEL_FILES.find(
      (file) => statSync(join(folder, file), { throwIfNoEntry: false })?.isFile() === true,
    );
    if (model === undefined) return undefined;
    let changed = 0;
    const states = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((path) => {
        const { size, mtimeMs, ctimeMs, ino } = statSync(join(folder, path));
        changed = Math.max(changed, mtimeMs, ctimeMs);
        return `${path} ${ino} ${size} ${mtimeMs}`;
      });
    return { name, version, file: join(folder, model), state: states.join('\n'), changed };
  } catch (error) {
    // Something is being moved or removed: the next look says more.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function folders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .sort();
}
