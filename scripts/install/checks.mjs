// Programs that a package installed from the registry must run, without a compiler or a network.
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { npmCommand, run } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';

const models = ['add4.onnx', 'add4.tflite'];

/** Sources of programs by file name, for models' files. */
function programsFor(files) {
  // Runs both runtimes once and prints what was loaded, as JSON; `onlite` is the package.
  const body = `
    async function check() {
      const sums = [];
      for (const file of ${JSON.stringify(files)}) {
        const session = await onlite.InferenceSession.create(file);
        const one = () => new onlite.Tensor('float32', [1, 2, 3, 4]);
        const { sum } = await session.run({ a: one(), b: one() });
        sums.push([...sum.data].join());
        await session.release();
      }
      const { onlite: version, addon, runtimes } = onlite.runtimeInfo();
      const origins = [runtimes.onnxruntime.origin, runtimes.tflite.origin];
      return { sums, version, addon, origins };
    }
  `;
  return {
    'check.cjs': `const onlite = require('onlite');${body}
      check().then((result) => console.log(JSON.stringify(result)));`,
    'check.mjs': `import * as onlite from 'onlite';${body}
      console.log(JSON.stringify(await check()));`,
    'worker.mjs': `import { Worker } from 'node:worker_threads';
      const worker = new Worker(new URL('./check.cjs', import.meta.url));
      worker.on('error', (error) => { throw error; });`,
  };
}

/**
 * A clean folder with the programs in it, and an environment in which there is only Node. Nothing that a
 * program needs is in the checkout, which not everybody may read.
 */
export function cleanProject(name, { parent = tmpdir(), node = process.execPath } = {}) {
  const root = mkdtempSync(join(parent, `onlite-${name.replace(/\W/g, '-')}-`));
  const bin = join(root, 'bin');
  mkdirSync(bin);
  symlinkSync(node, join(bin, 'node'));
  const env = { PATH: bin, HOME: root, TMPDIR: root, npm_config_cache: join(root, 'cache') };
  for (const name of models) copyFileSync(at('test/fixtures/models', name), join(root, name));
  const programs = programsFor(models.map((name) => join(root, name)));
  return anotherFolder({ root, env, node, programs }, 'project');
}

/** The same with the programs in another folder, and what an installer has in its cache. */
export function anotherFolder(project, name) {
  const folder = join(project.root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "name": "program", "private": true }\n');
  for (const [file, source] of Object.entries(project.programs)) {
    writeFileSync(join(folder, file), source);
  }
  return { ...project, folder };
}

/** Installs onlite from the registry with npm; `options` may name more packages. */
export async function npmInstall({ folder, env }, registry, ...options) {
  const [npm, ...args] = npmCommand();
  args.push('install', 'onlite', '--registry', registry, '--no-audit', '--no-fund', ...options);
  return run(npm, args, { cwd: folder, env });
}

/** What a program prints, as JSON. */
export async function runProgram({ folder, env, node }, ...args) {
  return JSON.parse(await run(node, args, { cwd: folder, env }));
}

/** Runs both kinds of programs, and a worker, and checks what they print. */
export async function checkPrograms(project, start = (file) => [file]) {
  for (const file of ['check.cjs', 'check.mjs', 'worker.mjs']) {
    checkResult(file, await runProgram(project, ...start(file)), /^@onlite\/runtime-/);
  }
}

/**
 * Throws unless the numbers are right and the libraries are from where they should be.
 *
 * @param {RegExp} origin of both libraries
 */
export function checkResult(what, result, origin) {
  const { sums, origins } = result;
  const isRight = sums.length === 2 && sums.every((sum) => sum === '2,4,6,8');
  if (!isRight || !origins.every((each) => origin.test(each))) {
    throw new Error(`${what}: ${JSON.stringify(result)}`);
  }
}
