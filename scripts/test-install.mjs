// Installs the packages with every installer and Node there is a package of, from a registry of this
// machine's own, and runs programs with them: no compiler, Python or network. Prints the sizes, too.
//   node scripts/test-install.mjs [name...]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from './lib/errors.mjs';
import { listFiles, statOrNull } from './lib/files.mjs';
import { cleanProject, npmInstall, runProgram } from './lib/install-checks.mjs';
import { runMain } from './lib/native-tools.mjs';
import { npmCommand, run } from './lib/process.mjs';
import { at } from './lib/project.mjs';
import { serveRegistry } from './lib/registry.mjs';
import { makePackages } from './package.mjs';

/** Runs both kinds of programs, and a worker, and checks what they print. */
async function checkPrograms(project, start = (file) => [file]) {
  for (const file of ['check.cjs', 'check.mjs', 'worker.mjs']) {
    const { sums, origins } = await runProgram(project, ...start(file));
    const isRight = sums.every((sum) => sum === '2,4,6,8');
    if (!isRight || !origins.every((origin) => origin.startsWith('@onlite/runtime-'))) {
      throw new Error(`${file}: ${JSON.stringify({ sums, origins })}`);
    }
  }
}

/** A package of npm's with a program in it, below build/tools; what it is run by. */
async function tool(spec, path) {
  const folder = at('build/tools', spec.replace(/\W/g, '-'));
  const file = join(folder, 'node_modules', path);
  if (statOrNull(file)) return file;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const [npm, ...args] = npmCommand();
  args.push('install', spec, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error');
  await run(npm, args, { cwd: folder });
  if (!statOrNull(file)) throw new SetupError(`${spec} has no ${path}`);
  return file;
}

const node = (spec) => async (project, url) => {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const program = await tool(`${name}@${spec}`, `${name}/bin/node`);
  await npmInstall(project, url);
  await checkPrograms({ ...project, node: program });
};

const pnpm = (version, file) => async (project, url) => {
  const script = await tool(`pnpm@${version}`, `pnpm/bin/${file}`);
  const args = [script, 'add', 'onlite', `--registry=${url}`, `--store-dir=${project.root}/store`];
  await run(process.execPath, args, { cwd: project.folder, env: project.env });
  await checkPrograms(project);
};

async function yarn1(project, url) {
  const script = await tool('yarn@1.22.22', 'yarn/bin/yarn.js');
  const args = [script, 'add', 'onlite', '--registry', url, '--no-progress'];
  await run(process.execPath, args, { cwd: project.folder, env: project.env });
  await checkPrograms(project);
}

const yarn4 = (linker) => async (project, url) => {
  const script = await tool('@yarnpkg/cli-dist@4.18.1', '@yarnpkg/cli-dist/bin/yarn.js');
  const settings = {
    nodeLinker: linker,
    npmRegistryServer: url,
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

async function bun(project, url) {
  const program = await tool('@oven/bun-linux-x64@1.4.5', '@oven/bun-linux-x64/bin/bun');
  const options = { cwd: project.folder, env: project.env };
  await run(program, ['add', 'onlite', `--registry=${url}`], options);
  await checkPrograms({ ...project, node: program });
}

async function deno(project, url) {
  const program = await tool('@deno/linux-x64-glibc@2.9.6', '@deno/linux-x64-glibc/deno');
  await npmInstall(project, url);
  const started = { ...project, node: program };
  await checkPrograms(started, (file) => ['run', '--allow-all', file]);
}

async function oddPath(project, url) {
  const folder = join(project.root, "It's a #% folder, ünïcode");
  mkdirSync(folder);
  for (const file of listFiles(project.folder)) {
    await run('cp', [join(project.folder, file), folder], { cwd: project.folder });
  }
  await npmInstall({ ...project, folder }, url);
  await checkPrograms({ ...project, folder });
}

/** Needs a C++ compiler and Python, so PATH is this process's. */
async function source(project, url) {
  await npmInstall(project, url);
  const env = { ...process.env, npm_config_cache: project.env.npm_config_cache };
  const [npm, ...args] = npmCommand();
  args.push('explore', 'onlite', '--', 'npm', 'run', 'build');
  await run(npm, args, { cwd: project.folder, env });
  const { addon } = await runProgram(project, 'check.cjs');
  if (!addon.endsWith(join('onlite', 'build', 'Release', 'onlite.node'))) throw new Error(addon);
}

const cases = {
  npm: async (project, url) => {
    await npmInstall(project, url);
    await checkPrograms(project);
  },
  'node 22': node('22.23.3'),
  'node 24': node('24.21.0'),
  'node 26': node('26.10.0'),
  'pnpm 10': pnpm('10', 'pnpm.cjs'),
  'pnpm 12': pnpm('12', 'pnpm.mjs'),
  'yarn 1': yarn1,
  'yarn 4 node-modules': yarn4('node-modules'),
  'yarn 4 pnp': yarn4('pnp'),
  bun,
  deno,
  'odd path': oddPath,
  source,
};

await runMain(async () => {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !Object.hasOwn(cases, name));
  if (unknown !== undefined) {
    throw new SetupError(`unknown case ${unknown}; there are: ${Object.keys(cases).join(', ')}`);
  }
  const archives = await makePackages(null);
  const served = cleanProject('registry');
  const registry = await serveRegistry(archives, served.root);
  const failed = [];
  for (const name of names.length > 0 ? names : Object.keys(cases)) {
    const project = cleanProject(name);
    try {
      await cases[name](project, registry.url);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed.push(name);
      console.log(`FAILED  ${name}: ${error.message}`);
    } finally {
      rmSync(project.root, { recursive: true, force: true });
    }
  }
  await registry.close();
  rmSync(served.root, { recursive: true, force: true });
  for (const { file, size, unpackedSize } of archives) {
    console.log(`${file}: ${size} bytes packed, ${unpackedSize} bytes`);
  }
  if (failed.length > 0) throw new Error(`failed: ${failed.join(', ')}`);
});
