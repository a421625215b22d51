// Builds the addon by binding.gyp, as a source install does: prebuildify has node-gyp build it and
// packs the result. In a copy of the tree, because node-gyp erases build/, where cmake-js builds.
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { reportFailure, SetupError } from './lib/errors.mjs';
import { listFiles, writeFileAtomic } from './lib/files.mjs';
import { nestedEnvironment, nodeGypScript, nodeHeadersPrefix, run } from './lib/process.mjs';
import { at } from './lib/project.mjs';
import { cmakeSources, withGypSources } from './lib/sources.mjs';

const HELP = `usage: node scripts/build-gyp.mjs [options]

Builds the addon with prebuildify, and so with node-gyp, in a copy of the tree and checks that the
result loads, through node-gyp-build.

  --sync     only rewrite binding.gyp's list of sources from native/sources.cmake
  --out DIR  copy the prebuild into DIR/prebuilds
  --keep     keep the copy, and say where it is
`;

const log = (message) => process.stdout.write(`build-gyp: ${message}\n`);

async function main() {
  const { values } = parseArgs({
    options: {
      sync: { type: 'boolean' },
      out: { type: 'string' },
      keep: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) process.stdout.write(HELP);
  else if (values.sync) syncSources();
  else await buildInCopy(values);
}

function syncSources() {
  const file = at('binding.gyp');
  const text = readFileSync(file, 'utf8');
  const changed = withGypSources(text, cmakeSources(at()));
  if (changed !== text) writeFileAtomic(file, changed);
  log(changed === text ? 'binding.gyp is in step' : 'binding.gyp has the new list of sources');
}

async function buildInCopy({ keep, out }) {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'onlite-gyp-')));
  try {
    for (const name of ['package.json', 'binding.gyp', 'native']) {
      cpSync(at(name), join(copy, name), { recursive: true });
    }
    symlinkSync(at('node_modules'), join(copy, 'node_modules'), 'junction');
    const env = gypEnvironment();

    log('prebuildify, which runs node-gyp rebuild');
    await run(process.execPath, [at('node_modules/prebuildify/bin.js'), '--napi', '--strip'], {
      cwd: copy,
      env,
      log: join(copy, 'prebuildify.log'),
      remedy: 'read the compiler output above; node scripts/build-gyp.mjs --sync after new sources',
    });
    // node-gyp-build takes build/Release first: what is to be checked is the prebuild.
    rmSync(join(copy, 'build'), { recursive: true, force: true });
    const prebuilds = listFiles(join(copy, 'prebuilds'));
    if (prebuilds.length !== 1) {
      throw new SetupError(`prebuildify made ${prebuilds.length} files: ${prebuilds.join(', ')}`);
    }
    const found = await findThroughNodeGypBuild(copy);
    await checkLoads(copy, found, 'prebuilds');
    log(`prebuilds/${prebuilds[0]} loads`);
    if (out) cpSync(join(copy, 'prebuilds'), join(out, 'prebuilds'), { recursive: true });
  } finally {
    if (keep) log(`the copy is ${copy}`);
    else rmSync(copy, { recursive: true, force: true });
  }
}

function gypEnvironment() {
  const script = nodeGypScript();
  if (script === null) throw new SetupError('npm has no node-gyp beside it', 'install npm again');
  const headers = nodeHeadersPrefix();
  const env = nestedEnvironment({
    // prebuildify starts this program; on Windows through a shell, which needs the two words.
    PREBUILD_NODE_GYP: process.platform === 'win32' ? `"${process.execPath}" "${script}"` : script,
    JOBS: process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism()),
  });
  // Without the headers of this Node beside it, node-gyp downloads them.
  if (headers !== null) env.npm_config_nodedir = headers;
  return env;
}

async function findThroughNodeGypBuild(copy) {
  const code = `process.stdout.write(require('node-gyp-build').resolve(process.cwd()))`;
  return run(process.execPath, ['-e', code], { cwd: copy });
}

/** In a child process: an addon cannot be unloaded, and a crash is to be a message. */
async function checkLoads(copy, file, folder) {
  if (!file.includes(join(copy, folder))) {
    throw new SetupError(`expected an addon in ${folder}, node-gyp-build found ${file}`);
  }
  const code = `process.stdout.write(Object.keys(require(${JSON.stringify(file)})).join())`;
  const exported = await run(process.execPath, ['-e', code], { cwd: copy });
  if (exported === '') throw new SetupError(`${file} loads but exports nothing`);
}

main().catch((error) => reportFailure('build-gyp', error));
