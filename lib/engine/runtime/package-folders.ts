import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { packageRoot } from '../../package';

/**
 * The folder of a package that may bring a runtime's library. Only where this package's own
 * dependencies can be: in its `node_modules`, and in those that it is installed in. Not
 * in the working directory, NODE_PATH or any other `node_modules` above, where others may
 * write: what is found is loaded.
 *
 * @returns undefined if it is not there.
 */
export function installedPackage(name: string): string | undefined {
  const root = packageRoot();
  if (root === undefined) return undefined;
  // Plug'n'Play has no such folders, and only knows what the project's lock file names.
  if (Object.hasOwn(process.versions, 'pnp')) return pluggedPackage(root, name);
  return moduleFolders(root)
    .map((folder) => join(folder, name))
    .find((folder) => existsSync(join(folder, 'package.json')));
}

/** The `node_modules` folders that this package's dependencies can be in. */
export function moduleFolders(root: string): string[] {
  const folders = new Set<string>();
  for (const start of [root, realPath(root)]) {
    folders.add(join(start, 'node_modules'));
    for (let folder = dirname(start); folder !== dirname(folder); folder = dirname(folder)) {
      if (basename(folder) === 'node_modules') folders.add(folder);
    }
  }
  return [...folders];
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

function pluggedPackage(root: string, name: string): string | undefined {
  try {
    // Loaded when it is needed, which is rare.
    const { createRequire } = require('node:module') as typeof import('node:module');
    return dirname(createRequire(join(root, 'package.json')).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}
