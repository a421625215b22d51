import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { run } from '../lib/process.mjs';
import {
  elsewhere,
  failsWithRemedy,
  installWithTools,
  libraryVariables,
  runFile,
  writeAddonProgram,
} from './bundlers.mjs';
import { checkResult, npmInstall, runProgram } from './checks.mjs';
import { recipes } from './recipes.mjs';
import { nodeProgram, toolFile } from './tools.mjs';

/** As docs/bundling.md says: the blob, a copy of this Node, and postject. */
async function inject({ folder, env, node }, modules) {
  await run(node, ['--experimental-sea-config', 'sea-config.json'], { cwd: folder, env });
  copyFileSync(node, join(folder, 'dist/program'));
  const args = [join(modules, 'postject/dist/cli.js'), 'dist/program', 'NODE_SEA_BLOB'];
  args.push('dist/program.blob', '--sentinel-fuse');
  args.push('NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2');
  await run(process.execPath, args, { cwd: folder, env });
}

/** Node's own way, since 25.5. */
async function buildSea({ folder, env }) {
  const node = await nodeProgram('26.10.0');
  const config = JSON.parse(recipes['sea-config.json']);
  writeFileSync(
    join(folder, 'sea-config.json'),
    JSON.stringify({ ...config, output: 'dist/program' }),
  );
  await run(node, ['--build-sea', 'sea-config.json'], { cwd: folder, env });
}

/** Makes `dist/program`, which begins with a file of docs/bundling.md, and has the native files beside. */
async function makeExecutable(project, registry, first, make) {
  const modules = await installWithTools(project, registry);
  const { folder, env, node } = project;
  // In CommonJS.
  const source = recipes[first].replace('import.meta.dirname', '__dirname');
  writeFileSync(join(folder, first), source);
  writeFileSync(join(folder, 'sea-config.json'), recipes['sea-config.json']);
  const program = `require('./${first}');\n${project.programs['check.cjs']}`;
  writeFileSync(join(folder, 'program.cjs'), program);
  const esbuild = [join(modules, 'esbuild/bin/esbuild'), 'program.cjs', '--bundle'];
  const options = ['--platform=node', '--outfile=dist/program.cjs'];
  await run(node, [...esbuild, ...options], { cwd: folder, env });
  await runFile(project, 'copy-native-files.mjs', recipes['copy-native-files.mjs']);
  await make(project, modules);
}

const asProgram = (moved) => ({
  ...moved,
  env: { HOME: moved.folder },
  node: join(moved.folder, 'program'),
});

const filesInside = (make) => async (project, registry) => {
  await makeExecutable(project, registry, 'native-assets.cjs', make);
  const check = async (moved) => {
    // The second time, the native files are laid out.
    for (const start of ['first', 'second']) {
      const result = await runProgram(asProgram(moved));
      checkResult(`${start} start`, result, /^configureRuntimes$/);
      if (!result.addon.startsWith(moved.folder)) throw new Error(result.addon);
    }
  };
  await elsewhere(project, check, 'program');
};

async function filesBeside(project, registry) {
  await makeExecutable(project, registry, 'native-files.mjs', inject);
  await elsewhere(project, async (moved) => {
    const result = await runProgram(asProgram(moved));
    checkResult('with its files', result, /^configureRuntimes$/);
  });
  await elsewhere(project, (moved) => failsWithRemedy(asProgram(moved)), 'program');
}

/** bun's has the addon inside. */
async function bunExecutable(project, registry) {
  const bun = await toolFile('@oven/bun-linux-x64', '1.4.5', 'bin/bun');
  await npmInstall(project, registry.url);
  const { folder, env } = project;
  writeAddonProgram(project);
  const libraries = await libraryVariables(project);
  const args = ['build', '--compile', 'program.cjs', '--outfile', 'dist/program'];
  await run(bun, args, { cwd: folder, env });
  const check = async (moved) => {
    const program = { ...moved, env: { HOME: moved.folder, ...libraries } };
    const result = await runProgram({ ...program, node: join(moved.folder, 'program') });
    checkResult('program', result, /^ONLITE_(ORT|TFLITE)_PATH$/);
    if (result.addon !== undefined) throw new Error(`loads ${result.addon}`);
  };
  await elsewhere(project, check, 'program');
}

export const executableCases = {
  'single executable': filesInside(inject),
  'single executable, --build-sea': filesInside(buildSea),
  'single executable, files beside': filesBeside,
  'bun executable': bunExecutable,
};
