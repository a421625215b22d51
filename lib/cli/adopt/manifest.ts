import type { Installer } from './package-manager';

/** A package.json, as far as overrides go. */
export type Manifest = Record<string, unknown>;

/** The package whose place is taken. */
export const replaced = 'onnxruntime-node';

/** Where the original specs of direct dependencies are kept for `--undo`: in `onlite.adopted`. */
const noteKey = 'onlite';
const dependencyKeys = ['dependencies', 'devDependencies', 'optionalDependencies'];

/** The path of the key that a package manager reads overrides from in package.json. */
export function overridePath({ manager }: Installer): readonly string[] {
  switch (manager) {
    case 'pnpm':
      return ['pnpm', 'overrides'];
    case 'yarn':
      return ['resolutions'];
    case 'npm':
    case 'bun':
      return ['overrides'];
  }
}

/** Every place an override may have been written to. */
const allPaths: readonly (readonly string[])[] = [
  ['overrides'],
  ['resolutions'],
  ['pnpm', 'overrides'],
];

/** Adds the override at a path, if one is given; a direct dependency follows it. */
export function adopted(
  manifest: Manifest,
  path: readonly string[] | undefined,
  spec: string,
): Manifest {
  const result = structuredClone(manifest);
  const originals: Record<string, unknown> = {};
  for (const key of dependencyKeys) {
    const dependencies = result[key] as Record<string, string> | undefined;
    if (dependencies?.[replaced] === undefined || dependencies[replaced] === spec) continue;
    // npm refuses an override that differs from a direct dependency.
    originals[key] = dependencies[replaced];
    dependencies[replaced] = spec;
  }
  if (Object.keys(originals).length > 0) {
    const note = (result[noteKey] ?? {}) as Manifest;
    result[noteKey] = { ...note, adopted: { ...(note['adopted'] as object), ...originals } };
  }
  if (path !== undefined) setAt(result, [...path, replaced], spec);
  return result;
}

/** The manifest as it was before. */
export function restored(manifest: Manifest): Manifest {
  const result = structuredClone(manifest);
  const note = result[noteKey] as Manifest | undefined;
  for (const [key, spec] of Object.entries((note?.['adopted'] ?? {}) as Manifest)) {
    (result[key] as Manifest)[replaced] = spec;
  }
  removeAt(result, [noteKey, 'adopted']);
  for (const path of allPaths) removeAt(result, [...path, replaced]);
  return result;
}

function setAt(target: Manifest, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  target[key] ??= {};
  setAt(target[key] as Manifest, rest, value);
}

/** Removes a value, and the objects that it leaves empty. */
function removeAt(target: Manifest, [key = '', ...rest]: readonly string[]): void {
  const value = target[key];
  if (value === undefined) return;
  if (rest.length > 0) {
    removeAt(value as Manifest, rest);
    if (Object.keys(value as Manifest).length > 0) return;
  }
  Reflect.deleteProperty(target, key);
}
