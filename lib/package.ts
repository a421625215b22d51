import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { unpackedPath } from './asar';

const folder = join(__dirname, '..');

/** The package's folder; of a packed Electron app, the one that has what is not in its archive. */
export const packageRoot = unpackedPath(folder);

let version: string | undefined;

/** This package's version. */
export function packageVersion(): string {
  version ??= (
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  ).version;
  return version;
}
