import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { digestFiles, listFiles, readJsonOrNull, statOrNull, writeFileAtomic } from './files.mjs';

/** The package's folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export const at = (...parts) => join(ROOT, ...parts);

const ABI = [process.platform, process.arch];

/** Identifies what `npm ci` would install. */
export function dependenciesKey() {
  return digestFiles(ROOT, ['package-lock.json'], ABI);
}

/** Identifies everything that the native build depends on. */
export function nativeKey() {
  const sources = listFiles(at('native'), (path) => /^(test|abi)$/.test(path));
  const paths = ['CMakeLists.txt', ...sources.map((path) => `native/${path}`)];
  return digestFiles(ROOT, paths, [...ABI, ...toolVersions('cmake-js', 'node-addon-api')]);
}

/** Identifies everything that the TypeScript build depends on. */
export function typescriptKey() {
  const paths = [
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'rolldown.config.mjs',
    ...listFiles(at('lib')).map((path) => `lib/${path}`),
    'server/package.json',
    'server/tsconfig.build.json',
    ...listFiles(at('server/lib')).map((path) => `server/lib/${path}`),
  ];
  return digestFiles(ROOT, paths, [dependenciesKey()]);
}

function toolVersions(...names) {
  return names.map((name) => readJsonOrNull(at('node_modules', name, 'package.json'))?.version);
}

/**
 * Whether a step's stamp says that it was done for `key`, and its products are as it left them
 * (present, same size, same time): a build by other means in between shows.
 */
export function isDone(stamp, key, products) {
  const saved = readJsonOrNull(at(stamp));
  return saved?.key === key && saved.products === describe(products);
}

export function markDone(stamp, key, products) {
  writeFileAtomic(at(stamp), `${JSON.stringify({ key, products: describe(products) })}\n`);
}

function describe(products) {
  return products
    .map((path) => {
      const stat = statOrNull(at(path));
      return stat ? `${path} ${stat.isDirectory() ? 0 : stat.size} ${stat.mtimeMs}` : `${path} -`;
    })
    .join('\n');
}

export function packageJson() {
  return JSON.parse(readFileSync(at('package.json'), 'utf8'));
}
