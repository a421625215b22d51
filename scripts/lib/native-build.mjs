import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { SetupError } from './errors.mjs';
import { statOrNull } from './files.mjs';
import { findProgram, nestedEnvironment, run } from './process.mjs';
import { at, isDone, markDone, nativeKey, packageJson, ROOT } from './project.mjs';

const REMEDY =
  'read the compiler output above; after a change of compiler or CMake delete the build folder ' +
  'and run it again';

/** Where a build with these options goes: each kind has a folder, so none undoes another's work. */
export function buildFolder({ debug = false, sanitize = '' } = {}) {
  const kinds = [];
  if (sanitize !== '') kinds.push(sanitize.includes('thread') ? 'tsan' : 'asan');
  if (debug) kinds.push('debug');
  return ['build', ...kinds].join('-');
}

/** The addon's file for these options, relative to the package. */
export function addonFile(options = {}) {
  return `${buildFolder(options)}/${options.debug ? 'Debug' : 'Release'}/onlite.node`;
}

/**
 * Builds the addon with cmake-js when its sources or options differ from the last build's.
 *
 * Needs no network: package.json's `binary.napi_versions` makes cmake-js take the Node-API headers
 * (and on Windows the import library's definition) from the package node-api-headers.
 *
 * @returns {Promise<boolean>} whether anything was built
 */
export async function buildNative({ debug = false, sanitize = '', echo = false, log }) {
  const options = { debug, sanitize };
  const folder = buildFolder(options);
  const stamp = `${folder}/.onlite-native.json`;
  const product = addonFile(options);
  const key = `${nativeKey()} ${sanitize}`;
  if (isDone(stamp, key, [product])) return false;

  checkTools();
  const script = at('node_modules/cmake-js/bin/cmake-js');
  if (!statOrNull(script)) {
    throw new SetupError('cmake-js is not installed', 'npm ci --include=dev');
  }
  dropForeignCache(folder);
  log(`building the native addon into ${folder}/ (cmake-js, 1 to 3 minutes the first time)`);
  const flags = ['--directory', ROOT, '--out', at(folder), `--CDONLITE_SANITIZE=${sanitize}`];
  // As the published addons are, so that names of one target that collide are found here.
  if (sanitize !== '') flags.push('--CDONLITE_UNITY=0');
  if (debug) flags.push('--debug');
  const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  const env = nestedEnvironment({ CMAKE_BUILD_PARALLEL_LEVEL: jobs });
  for (const command of ['configure', 'build']) {
    await run(process.execPath, [script, command, ...flags], {
      cwd: ROOT,
      env,
      echo,
      log: at(folder, `onlite-${command}.log`),
      remedy: REMEDY,
    });
  }
  if (!statOrNull(at(product))) {
    throw new SetupError(`the build ended without ${product}`, REMEDY);
  }
  markDone(stamp, key, [product]);
  return true;
}

function checkTools() {
  if (!packageJson().binary?.napi_versions) {
    throw new SetupError(
      'package.json has no binary.napi_versions: cmake-js would download the headers of Node',
      'restore "binary": { "napi_versions": [8] } in package.json',
    );
  }
  if (findProgram('cmake') === null) {
    throw new SetupError('cmake is not installed', installHint('cmake'));
  }
  const compilers = ['c++', 'g++', 'clang++'];
  if (process.platform !== 'win32' && compilers.every((name) => findProgram(name) === null)) {
    throw new SetupError('no C++ compiler is installed', installHint('compiler'));
  }
}

/** The command that installs a build tool on this system. */
export function installHint(tool) {
  const hints = {
    linux: {
      cmake: 'sudo apt-get install cmake   (Fedora: sudo dnf install cmake)',
      compiler: 'sudo apt-get install g++ make   (Fedora: sudo dnf install gcc-c++ make)',
    },
    darwin: { cmake: 'brew install cmake', compiler: 'xcode-select --install' },
    win32: {
      cmake: 'winget install Kitware.CMake',
      compiler: 'winget install Microsoft.VisualStudio.2022.BuildTools, with the C++ workload',
    },
  };
  return (hints[process.platform] ?? hints.linux)[tool];
}

/**
 * CMake refuses a cache that was made for another place or generator. What goes is what `cmake --fresh`
 * takes away: what others have put into the folder stays.
 */
function dropForeignCache(folder) {
  const file = at(folder, 'CMakeCache.txt');
  if (!statOrNull(file)) return;
  const cache = readFileSync(file, 'utf8');
  const value = (name) => new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(cache)?.[1];
  const home = value('CMAKE_HOME_DIRECTORY');
  const made = value('CMAKE_CACHEFILE_DIR');
  const ninja = process.platform !== 'win32' && findProgram('ninja') !== null;
  const sameGenerator =
    process.platform === 'win32' || (value('CMAKE_GENERATOR') === 'Ninja') === ninja;
  const samePlace = sameFolder(home, ROOT) && sameFolder(made, at(folder));
  if (samePlace && sameGenerator) return;
  for (const own of ['CMakeCache.txt', 'CMakeFiles']) {
    rmSync(join(at(folder), own), { recursive: true, force: true });
  }
}

function sameFolder(left, right) {
  try {
    return realpathSync(left ?? '') === realpathSync(join(right));
  } catch {
    return false;
  }
}
