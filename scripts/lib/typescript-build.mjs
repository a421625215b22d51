import { existsSync, rmSync } from 'node:fs';

import { SetupError } from './errors.mjs';
import { listFiles } from './files.mjs';
import { run } from './process.mjs';
import { at, isDone, markDone, ROOT, typescriptKey } from './project.mjs';

const STAMP = 'dist/.onlite-typescript.json';
const PRODUCT = 'dist/index.js';
const EMITTED = /\.(d\.[cm]?ts|[cm]?js)(\.map)?$/;

/** Compiles lib/ into dist/ when it differs from the last build's; says whether it did. */
export async function buildTypescript(log) {
  const key = typescriptKey();
  if (isDone(STAMP, key, [PRODUCT])) return false;
  if (!existsSync(at('tsconfig.build.json'))) {
    throw new SetupError('tsconfig.build.json is missing', 'git checkout tsconfig.build.json');
  }
  log('compiling TypeScript');
  await run(
    process.execPath,
    [at('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: ROOT,
      remedy: 'correct the errors above',
    },
  );
  removeStale();
  if (!existsSync(at(PRODUCT))) throw new SetupError(`tsc ended without ${PRODUCT}`);
  markDone(STAMP, key, [PRODUCT]);
  return true;
}

/** What tsc wrote for a source that is gone would still be found by `require`. */
function removeStale() {
  for (const path of listFiles(at('dist'))) {
    if (!EMITTED.test(path)) continue;
    const stem = path.replace(EMITTED, '');
    const sources = ['.ts', '.mts', '.cts', '.json'].map((end) => at('lib', stem + end));
    if (!sources.some((source) => existsSync(source))) rmSync(at('dist', path));
  }
}
