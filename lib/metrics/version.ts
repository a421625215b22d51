import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { packageRoot } from '../package-folders';

let version: string | undefined;

/** Of this package. */
export function packageVersion(): string {
  version ??= (
    JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  ).version;
  return version;
}
