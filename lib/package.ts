import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { unpackedPath } from './asar';
import { OnliteError } from './errors';

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
 *
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND if that cannot be told, for want of file descriptors for
 *   example.
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
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const what = `cannot read ${file}, which tells where onlite is installed`;
    throw new OnliteError('ERR_RUNTIME_NOT_FOUND', `${what}: ${String(cause)}`, { cause });
  }
  try {
    const { name, version } = JSON.parse(text) as Record<string, unknown>;
    return name === 'onlite' && version === packageVersion;
  } catch {
    return false;
  }
}
