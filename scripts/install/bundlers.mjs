import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { listFiles } from '../lib/files.mjs';
import { isLibrary } from '../lib/pack.mjs';
import { hostPlatform } from '../lib/platforms.mjs';
import { run } from '../lib/process.mjs';
import { checkResult, npmInstall, runProgram } from './checks.mjs';
import { inlined, recipes } from './recipes.mjs';
import { installTools } from './tools.mjs';

const tools = {
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-node-resolve': '16.0.3',
  esbuild: '0.28.2',
  'node-loader': '2.1.0',
  postject: '1.0.0-alpha.6',
  rollup: '4.68.8',
  vite: '8.3.8',
  webpack: '5.113.0',
  'webpack-cli': '6.0.1',
};

/** How each configuration of docs/bundling.md is run: a script of a tool's, unless it is one itself. */
const bundlers = {
  'esbuild.mjs': (config) => [config],
  'webpack.config.mjs': (config, modules) => [
    join(modules, 'webpack-cli/bin/cli.js'),
    '--config',
    config,
    '--fail-on-warnings',
  ],
  'rollup.config.mjs': (config, modules) => [
    join(modules, 'rollup/dist/bin/rollup'),
    '--config',
    config,
  ],
  'vite-ssr.config.mjs': vite,
  'vite-lib.config.mjs': vite,
};

function vite(config, modules) {
  return [join(modules, 'vite/bin/vite.js'), 'build', '--config', config];
}

/** Installs onlite in the project, and the tools where the project's files find them. */
export async function installWithTools(project, { url }) {
  const modules = await installTools('bundlers', tools);
  symlinkSync(modules, join(project.root, 'node_modules'), 'junction');
  await npmInstall(project, url);
  return modules;
}

/** Writes files into the project and runs one that is a program. */
export async function runFile({ folder, env, node }, name, content) {
  writeFileSync(join(folder, name), content);
  await run(node, [name], { cwd: folder, env });
}

/**
 * Puts what was made in `dist/`, or one file of it, where nothing else is, and calls `check` with that as
 * the project.
 */
export async function elsewhere(project, check, file = '') {
  const folder = mkdtempSync(`${project.root}-elsewhere-`);
  try {
    cpSync(join(project.folder, 'dist', file), join(folder, file), { recursive: true });
    await check({ ...project, folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Throws unless a program that has been moved without its native files says what to do. */
export async function failsWithRemedy({ folder, env, node }, ...args) {
  const error = await run(node, args, { cwd: folder, env }).catch((failure) => failure);
  if (!(error instanceof Error)) throw new Error('the program runs without its native files');
  for (const expected of ["code: 'ERR_RUNTIME_NOT_FOUND'", 'What to do: ']) {
    if (!error.message.includes(expected)) throw new Error(`no ${expected} in ${error.message}`);
  }
}

/** Bundles a program as a configuration says, with onlite outside, and inside. */
const bundle = (config) => async (project, registry) => {
  const modules = await installWithTools(project, registry);
  const build = async (configuration, program) => {
    const { folder, env } = project;
    writeFileSync(join(folder, 'program.mjs'), program);
    writeFileSync(join(folder, config), configuration);
    await run(process.execPath, bundlers[config](config, modules), { cwd: folder, env });
  };
  const program = project.programs['check.mjs'];

  await build(recipes[config], program);
  await elsewhere(project, async (moved) => {
    await npmInstall(moved, registry.url);
    checkResult('onlite outside', await runProgram(moved, 'program.mjs'), /^@onlite\/runtime-/);
  });

  writeFileSync(join(project.folder, 'native-files.mjs'), recipes['native-files.mjs']);
  await build(inlined(config), `import './native-files.mjs';\n${program}`);
  await runFile(project, 'copy-native-files.mjs', recipes['copy-native-files.mjs']);
  await elsewhere(project, async (moved) => {
    const result = await runProgram(moved, 'program.mjs');
    checkResult('onlite inside', result, /^configureRuntimes$/);
    for (const file of listFiles(moved.folder).filter(isLibrary)) rmSync(join(moved.folder, file));
    await failsWithRemedy(moved, 'program.mjs');
  });
};

/** How a bundler is told to copy the addon, by the configuration's file. */
const addonBundlers = {
  'esbuild.cjs': `require('esbuild').buildSync({
    entryPoints: ['program.cjs'],
    bundle: true,
    platform: 'node',
    outfile: 'dist/program.cjs',
    loader: { '.node': 'copy' },
  });`,
  'webpack.cjs': `require('webpack')(
    {
      mode: 'development',
      target: 'node20',
      entry: './program.cjs',
      output: { filename: 'program.cjs' },
      node: { __dirname: false },
      module: { rules: [{ test: /\\.node$/, loader: 'node-loader' }] },
    },
    (error, stats) => {
      if (error ?? stats.hasErrors()) throw error ?? new Error(stats.toString());
    },
  );`,
};

/** Writes `program.cjs`, which is handed the addon by its entry. */
export function writeAddonProgram({ folder, programs }) {
  const addon = recipes['addon.cjs'].replace('linux-x64', hostPlatform());
  writeFileSync(join(folder, 'program.cjs'), `${addon}\n${programs['check.cjs']}`);
}

const printVariables = `
  const { onnxruntime, tflite } = require('onlite').runtimeInfo({ load: true }).runtimes;
  const variables = { ONLITE_ORT_PATH: onnxruntime.path, ONLITE_TFLITE_PATH: tflite.path };
  console.log(JSON.stringify(variables));
`;

/** The environment variables that name the project's libraries, for a program elsewhere. */
export const libraryVariables = (project) => runProgram(project, '-e', printVariables);

/** Bundlers that follow `onlite/addon/…` to the file. */
async function bundleAddon(project, registry) {
  await installWithTools(project, registry);
  writeAddonProgram(project);
  const env = { ...project.env, ...(await libraryVariables(project)) };
  for (const [name, source] of Object.entries(addonBundlers)) {
    rmSync(join(project.folder, 'dist'), { recursive: true, force: true });
    await runFile(project, name, source);
    await elsewhere(project, async (moved) => {
      const result = await runProgram({ ...moved, env }, 'program.cjs');
      checkResult(name, result, /^ONLITE_(ORT|TFLITE)_PATH$/);
    });
  }
}

export const bundlerCases = {
  ...Object.fromEntries(
    Object.keys(bundlers).map((config) => [
      config.replace(/(\.config)?\.mjs$/, ''),
      bundle(config),
    ]),
  ),
  'bundled addon': bundleAddon,
};
