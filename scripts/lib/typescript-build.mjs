import { existsSync } from 'node:fs';

import { SetupError } from './errors.mjs';
import { run } from './process.mjs';
import { at, isDone, markDone, ROOT, typescriptKey } from './project.mjs';

const STAMP = 'dist/.onlite-typescript.json';
const PRODUCTS = [
  'dist/index.js',
  'dist/engine.js',
  'dist/index.d.ts',
  'server/dist/index.js',
  'server/dist/index.d.ts',
];

/** In this order: the bundler empties dist/ first, and the server is written against onlite's types. */
const STEPS = [
  ['node_modules/rolldown/bin/cli.mjs', '-c', 'rolldown.config.mjs'],
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  ['node_modules/typescript/bin/tsc', '-p', 'server/tsconfig.build.json'],
];

/**
 * Bundles lib/ into dist/, server/lib/ into server/dist/, and checks their types, if it differs from the last build's; says whether
 * it did.
 */
export async function buildTypescript(log) {
  const key = typescriptKey();
  if (isDone(STAMP, key, PRODUCTS)) return false;
  log('compiling TypeScript');
  for (const [tool, option, config] of STEPS) {
    if (!existsSync(at(config))) {
      throw new SetupError(`${config} is missing`, `git checkout ${config}`);
    }
    await run(process.execPath, [at(tool), option, config], {
      cwd: ROOT,
      remedy: 'correct the errors above',
    });
  }
  const missing = PRODUCTS.find((path) => !existsSync(at(path)));
  if (missing) throw new SetupError(`the build ended without ${missing}`);
  markDone(STAMP, key, PRODUCTS);
  return true;
}
