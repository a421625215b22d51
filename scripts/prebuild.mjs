// Builds the addon as it is published, for any of the platforms of platforms.json, with the C++
// compiler and the C libraries of all of them that the Python package ziglang brings.
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

import { reportFailure, SetupError } from './lib/errors.mjs';
import { statOrNull, writeFileAtomic } from './lib/files.mjs';
import { installHint } from './lib/native-build.mjs';
import { hostPlatform, platforms, prebuildFile } from './lib/platforms.mjs';
import { fetchPipProgram } from './lib/pip-program.mjs';
import { findProgram, nestedEnvironment, run } from './lib/process.mjs';
import { at, ROOT } from './lib/project.mjs';

const HELP = `usage: node scripts/prebuild.mjs [platform...] [options]

Builds prebuilds/<platform>/onlite.node for the platforms that are named, else for this one.

  --all      for every platform of scripts/platforms.json
  --list     print the platforms
`;

const log = (message) => process.stdout.write(`prebuild: ${message}\n`);

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      all: { type: 'boolean' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) process.stdout.write(HELP);
  else if (values.list) process.stdout.write(`${Object.keys(platforms).join('\n')}\n`);
  else await prebuild(values.all ? Object.keys(platforms) : positionals);
}

async function prebuild(names) {
  const wanted = names.length === 0 ? [hostPlatform()] : names;
  const unknown = wanted.find((name) => !Object.hasOwn(platforms, name));
  if (unknown !== undefined) {
    throw new SetupError(
      `unknown platform ${unknown}`,
      `take one of ${Object.keys(platforms).join(', ')}`,
    );
  }
  for (const tool of ['cmake', 'ninja']) {
    if (findProgram(tool) === null) {
      throw new SetupError(
        `${tool} is not installed`,
        installHint('cmake').replace(/cmake/g, tool),
      );
    }
  }
  const zig = await findZig();
  for (const name of wanted) await buildFor(name, zig);
}

/** The pinned compiler. */
const findZig = () =>
  fetchPipProgram('zig', {
    requirements: 'scripts/zig-requirements.txt',
    program: 'ziglang/zig',
    size: '100 MB',
    log,
  });

async function buildFor(name, zig) {
  const folder = at('build/prebuild', name);
  const { zig: target, cmakeSystem } = platforms[name];
  const started = Date.now();
  log(`${name} (${target}, several minutes the first time)`);
  const cmake = (step, ...args) =>
    run('cmake', args, {
      cwd: ROOT,
      env: nestedEnvironment(),
      log: join(folder, `onlite-${step}.log`),
      remedy: 'read the compiler output above',
    });
  const settings = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_TOOLCHAIN_FILE: at('scripts/zig-toolchain.cmake'),
    ONLITE_SMALL: 'ON',
    ONLITE_UNITY: '0',
    CMAKE_JS_INC: at('node_modules/node-api-headers/include'),
    ONLITE_HOST_FUNCTIONS: cmakeSystem === 'Windows' ? hostFunctions(folder) : '',
    ZIG: zig,
    ZIG_TARGET: target,
    ZIG_SYSTEM: cmakeSystem,
  };
  const definitions = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`);
  await cmake('configure', '-S', ROOT, '-B', folder, '-G', 'Ninja', ...definitions);
  const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  await cmake('build', '--build', folder, '--parallel', jobs);

  const product = at(prebuildFile(name));
  mkdirSync(dirname(product), { recursive: true });
  copyFileSync(join(folder, 'onlite.node'), product);
  const size = (statOrNull(product).size / 1e6).toFixed(2);
  log(`${prebuildFile(name)}: ${size} MB, ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

/** The list of Node's functions that native/host_functions.cc looks up: all that NAPI_VERSION has. */
function hostFunctions(folder) {
  const { v8 } = createRequire(import.meta.url)('node-api-headers').symbols;
  const names = [...v8.js_native_api_symbols, ...v8.node_api_symbols];
  const file = join(folder, 'host_functions.inc');
  writeFileAtomic(file, names.map((name) => `HOST_FUNCTION(${name})\n`).join(''));
  return file;
}

main().catch((error) => reportFailure('prebuild', error));
