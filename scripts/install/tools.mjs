import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from '../lib/errors.mjs';
import { readJsonOrNull, statOrNull } from '../lib/files.mjs';
import { npmCommand, run } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';

/**
 * Installs packages of npm's below build/tools, once.
 *
 * @param {string} name the folder's
 * @param {Record<string, string>} dependencies as in a package.json
 * @param {boolean} [isForeign] for another platform than this one
 * @returns {Promise<string>} their `node_modules`
 */
export async function installTools(name, dependencies, isForeign = false) {
  const folder = at('build/tools', name);
  const stamp = join(folder, 'installed.json');
  const state = JSON.stringify(dependencies);
  if (JSON.stringify(readJsonOrNull(stamp)) !== state) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
    const [npm, ...args] = npmCommand();
    args.push('install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error');
    if (isForeign) args.push('--force');
    await run(npm, args, { cwd: folder });
    writeFileSync(stamp, state);
  }
  return join(folder, 'node_modules');
}

/** A file of a package of npm's. */
export async function toolFile(name, version, path, isForeign = false) {
  const folder = `${name}@${version}`.replace(/\W/g, '-');
  const modules = await installTools(folder, { [name]: version }, isForeign);
  const file = join(modules, name, path);
  if (!statOrNull(file)) throw new SetupError(`${name}@${version} has no ${path}`);
  return file;
}

/** A Node of another version. */
export async function nodeProgram(version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return toolFile(`node-${platform}-${process.arch}`, version, 'bin/node');
}
