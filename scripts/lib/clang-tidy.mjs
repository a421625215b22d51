// clang-tidy over every C++ source of the repository. A file whose text, headers, flags and
// checks are as they were when it last passed is not looked at again (build/lint-cache).
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { run } from './native-tools.mjs';
import { fetchPipProgram } from './pip-program.mjs';
import { ROOT } from './project.mjs';

const cacheDirectory = join(ROOT, 'build', 'lint-cache');
const databaseDirectory = join(ROOT, 'build', 'lint');
const requirements = 'scripts/clang-tidy-requirements.txt';
/** Two at a time: the machines that run this have two cores and clang-tidy takes 0.5 GB. */
const parallel = 2;
/** The database is made for the default compiler, GCC as a rule: clang does not know all its flags. */
const clangOnly = ['--extra-arg=-Wno-unknown-warning-option'];

/**
 * A compilation database of everything, addon and tests, by configuring alone: the addon's
 * sources need Node-API's headers for that, not a build by cmake-js.
 */
function configure() {
  const headers = join(ROOT, 'node_modules', 'node-api-headers', 'include');
  run('cmake', [
    '-S',
    ROOT,
    '-B',
    databaseDirectory,
    '-G',
    'Ninja',
    '-DCMAKE_BUILD_TYPE=Debug',
    '-DONLITE_NATIVE_TESTS=ON',
    '-DONLITE_UNITY=1',
    `-DCMAKE_JS_INC=${headers}`,
    '--log-level=WARNING',
  ]);
  const database = join(databaseDirectory, 'compile_commands.json');
  return JSON.parse(readFileSync(database, 'utf8'))
    .map(({ file, command }) => ({ file: resolve(ROOT, file), command }))
    .filter(({ file }) => file.startsWith(join(ROOT, 'native')))
    .sort((a, b) => a.file.localeCompare(b.file));
}

/** The file and every header of ours that it includes, directly or not. */
function closure(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    const found = [join(dirname(file), name), join(ROOT, 'native', name)].find(existsSync);
    if (found) closure(found, seen);
  }
  return seen;
}

function stampOf({ file, command }, version) {
  const hash = createHash('sha256').update(version).update(command);
  const configs = ['.clang-tidy', 'native/test/.clang-tidy'].map((name) => join(ROOT, name));
  for (const path of [...configs, ...[...closure(file)].sort()]) hash.update(readFileSync(path));
  return join(cacheDirectory, hash.digest('hex'));
}

/** Resolves with the diagnostics, empty if there are none. */
function tidy(program, file, fix) {
  return new Promise((settle, reject) => {
    const args = ['-quiet', '-p', databaseDirectory, ...clangOnly, ...(fix ? ['-fix'] : []), file];
    const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    // Its stderr counts suppressed warnings; it matters only when there is nothing else.
    let notes = '';
    child.stderr.on('data', (chunk) => (notes += chunk));
    child.on('error', reject);
    child.on('close', (code) => settle(code === 0 ? '' : text.trim() || notes.trim() || 'failed'));
  });
}

export async function clangTidy({ fix }) {
  const program = await fetchPipProgram('clang-tidy', {
    requirements,
    program: 'clang_tidy/data/bin/clang-tidy',
    size: '45 MB',
    log: console.log,
  });
  const version = readFileSync(join(ROOT, requirements), 'utf8');
  mkdirSync(cacheDirectory, { recursive: true });
  const queue = configure()
    .map((entry) => ({ ...entry, stamp: stampOf(entry, version) }))
    .filter(({ stamp }) => !existsSync(stamp));
  const total = queue.length;
  let failures = 0;
  const worker = async () => {
    for (let entry = queue.shift(); entry; entry = queue.shift()) {
      const diagnostics = await tidy(program, entry.file, fix);
      if (diagnostics === '') {
        writeFileSync(entry.stamp, relative(ROOT, entry.file));
      } else {
        failures += 1;
        console.error(`${relative(ROOT, entry.file)}:\n${diagnostics}`);
      }
    }
  };
  // -fix edits headers that several files share: one at a time then.
  await Promise.all(Array.from({ length: fix ? 1 : parallel }, worker));
  if (failures > 0) throw new Error(`clang-tidy: ${failures} of ${total} files have findings`);
}
