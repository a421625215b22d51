import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package's folder; inside an Electron archive, the unpacked copy beside it. */
export const packageRoot = join(__dirname, '..').replace(
  /([\\/])app\.asar([\\/]|$)/,
  '$1app.asar.unpacked$2',
);

let version: string | undefined;

/** This package's version. */
export function packageVersion(): string {
  version ??= (
    JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  ).version;
  return version;
}
