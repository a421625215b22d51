import { writeFileSync } from 'node:fs';
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
    npmMinimalAgeGate: 0,
  };
  writeFileSync(join(project.folder, '.yarnrc.yml'), JSON.stringify(settings));
  writeFileSync(join(project.folder, 'yarn.lock'), '');
  const options = { cwd: project.folder, env: project.env };
  await run(process.execPath, [script, 'add', 'onlite'], options);
  const pnp = ['-r', './.pnp.cjs', '--loader', './.pnp.loader.mjs'];
  await checkPrograms(project, (file) => (linker === 'pnp' ? [...pnp, file] : [file]));
};

async function bun(project, { url }) {
  const program = await toolFile('@oven/bun-linux-x64', '1.4.5', 'bin/bun');
  const options = { cwd: project.folder, env: project.env };
  await run(program, ['add', 'onlite', `--registry=${url}`], options);
  await checkPrograms({ ...project, node: program });
}

async function deno(project, { url }) {
  const program = await toolFile('@deno/linux-x64-glibc', '2.9.6', 'deno');
  await npmInstall(project, url);
  await checkPrograms({ ...project, node: program }, (file) => ['run', '--allow-all', file]);
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
  const before = registry.requests.length;
  const again = anotherFolder(project, 'again');
  await install(again, registry, '--offline');
  const asked = registry.requests.slice(before);
  if (asked.length > 0) throw new Error(`was asked while offline: ${asked.join(', ')}`);
  await checkPrograms(again);
};

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
