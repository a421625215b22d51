import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { unpackedPath } from './asar';

/** Filled in when the package is built, so that a bundle of it tells its own version. */
declare const ONLITE_VERSION: string;

/** This package's version. */
export const packageVersion = ONLITE_VERSION;

/** Where this code is; undefined in a bundle of ES modules. */
const codeFolder = typeof __dirname === 'string' ? __dirname : undefined;

let root: string | undefined;

/**
 * The package's folder; inside an Electron archive, the unpacked copy beside it. Where a bundler has
 * put this code into a program's file, the installed package of the same version that the program
 * could require; undefined if there is none.
 */
export function packageRoot(): string | undefined {
  if (codeFolder === undefined) return undefined;
  root ??= unpacked(join(codeFolder, '..')) ?? installedAbove(codeFolder);
  return root;
}

/** Where an Electron app's archive has the package, the folder beside it has what the system opens. */
function unpacked(folder: string): string | undefined {
  return isThisPackage(folder) ? unpackedPath(folder) : undefined;
}

function installedAbove(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const found = unpacked(join(folder, 'node_modules', 'onlite'));
    if (found !== undefined || folder === dirname(folder)) return found;
  }
}

function isThisPackage(folder: string): boolean {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return false;
  const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  return name === 'onlite' && version === packageVersion;
}
