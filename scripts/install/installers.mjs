import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { npmCommand, run } from '../lib/process.mjs';
import { anotherFolder, checkPrograms, npmInstall, runProgram } from './checks.mjs';
import { nodeProgram, toolFile } from './tools.mjs';

const npm = (project, { url }, ...options) => npmInstall(project, url, ...options);

const pnpm =
  (version, file) =>
  async ({ root, folder, env }, { url }, ...options) => {
    const script = await toolFile('pnpm', version, `bin/${file}`);
    const args = [script, 'add', 'onlite', `--registry=${url}`, `--store-dir=${root}/store`];
    await run(process.execPath, [...args, ...options], { cwd: folder, env });
  };

async function yarn1({ root, folder, env }, { url }, ...options) {
  const script = await toolFile('yarn', '1.22.22', 'bin/yarn.js');
  // As root, its cache is all users'.
  const args = [script, 'add', 'onlite', '--registry', url, `--cache-folder=${root}/cache`];
  await run(process.execPath, [...args, ...options], { cwd: folder, env });
}

const yarn4 = (linker) => async (project, registry) => {
  const script = await toolFile('@yarnpkg/cli-dist', '4.18.1', 'bin/yarn.js');
  const settings = {
    nodeLinker: linker,
    npmRegistryServer: registry.url,
    unsafeHttpWhitelist: ['127.0.0.1'],
    enableTelemetry: false,
    enableGlobalCache: false,
    cacheFolder: join(project.root, 'cache'),
    npmMinimalAgeGate: 0,
  };
  const yarn = ({ folder, env }, ...args) =>
    run(process.execPath, [script, ...args], { cwd: folder, env });
  const pnp = ['-r', './.pnp.cjs', '--loader', './.pnp.loader.mjs'];
  const check = (each) =>
    checkPrograms(each, (file) => (linker === 'pnp' ? [...pnp, file] : [file]));
  writeFileSync(join(project.folder, '.yarnrc.yml'), JSON.stringify(settings));
  writeFileSync(join(project.folder, 'yarn.lock'), '');
  await yarn(project, 'add', 'onlite');
  await check(project);
  const again = lockedFolder(project, '.yarnrc.yml', 'yarn.lock');
  await offline(registry, () => yarn(again, 'install', '--immutable'));
  await check(again);
};

async function bun(project, registry) {
  const node = await toolFile('@oven/bun-linux-x64', '1.4.5', 'bin/bun');
  const install = ({ folder, env }, ...args) =>
    run(node, [...args, `--registry=${registry.url}`], { cwd: folder, env });
  await install(project, 'add', 'onlite');
  await checkPrograms({ ...project, node });
  const again = lockedFolder(project, 'bun.lock');
  await offline(registry, () => install(again, 'install', '--frozen-lockfile'));
  await checkPrograms({ ...again, node });
}

/** In a folder that npm filled, and with what deno installs itself. */
async function deno(project, registry) {
  const node = await toolFile('@deno/linux-x64-glibc', '2.9.6', 'deno');
  const check = (each) => checkPrograms({ ...each, node }, (file) => ['run', '--allow-all', file]);
  await npmInstall(project, registry.url);
  await check(project);
  const env = { ...project.env, NPM_CONFIG_REGISTRY: registry.url };
  const own = { ...anotherFolder(project, 'deno'), env };
  const install = ({ folder }, ...args) => run(node, args, { cwd: folder, env });
  await install(own, 'add', 'npm:onlite');
  await check(own);
  const again = { ...lockedFolder(own, 'deno.lock'), env };
  await offline(registry, () => install(again, 'install', '--frozen'));
  await check(again);
}

const node =
  (version) =>
  async (project, { url }) => {
    const program = await nodeProgram(version);
    await npmInstall(project, url);
    await checkPrograms({ ...project, node: program });
  };

/** Installs, and again elsewhere from the installer's cache, and runs the programs in both. */
const twice = (install) => async (project, registry) => {
  await install(project, registry);
  await checkPrograms(project);
  const again = anotherFolder(project, 'again');
  await offline(registry, () => install(again, registry, '--offline'));
  await checkPrograms(again);
};

/** Another folder with the same lockfile, for installers that ask for the newest version without. */
function lockedFolder(project, ...lockfiles) {
  const again = anotherFolder(project, 'again');
  for (const name of ['package.json', ...lockfiles]) {
    copyFileSync(join(project.folder, name), join(again.folder, name));
  }
  return again;
}

async function offline(registry, install) {
  const before = registry.requests.length;
  await install();
  const asked = registry.requests.slice(before);
  if (asked.length > 0) throw new Error(`was asked while offline: ${asked.join(', ')}`);
}

/** Needs a C++ compiler and Python, so PATH is this process's. */
async function source(project, { url }) {
  await npmInstall(project, url);
  const env = { ...process.env, npm_config_cache: project.env.npm_config_cache };
  const [command, ...args] = npmCommand();
  args.push('explore', 'onlite', '--', 'npm', 'run', 'build');
  await run(command, args, { cwd: project.folder, env });
  const { addon } = await runProgram(project, 'check.cjs');
  if (!addon.endsWith(join('onlite', 'build', 'Release', 'onlite.node'))) throw new Error(addon);
}

export const installerCases = {
  npm: twice(npm),
  'node 22': node('22.23.3'),
  'node 24': node('24.21.0'),
  'node 26': node('26.10.0'),
  'pnpm 10': twice(pnpm('10', 'pnpm.cjs')),
  'pnpm 12': twice(pnpm('12', 'pnpm.mjs')),
  'yarn 1': twice(yarn1),
  'yarn 4 node-modules': yarn4('node-modules'),
  'yarn 4 pnp': yarn4('pnp'),
  bun,
  deno,
  source,
};
