// Pins the Python packages of the converters: converters/locks/NAME.txt, from converters/environments.json,
// with the whole closure and the hashes of the wheels for the platforms and Pythons below, and what each
// would download. usage: node scripts/convert-locks.mjs [NAME…]
// Needs Python 3.11 or newer; uv and packaging are had from the package index.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { reportFailure } from './lib/errors.mjs';
import { at } from './lib/project.mjs';

const work = at('build/convert-locks');
const environments = JSON.parse(readFileSync(at('converters/environments.json'), 'utf8'));

function run(command, args) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} failed (${status}): ${stderr}`);
  return stdout;
}

function tools() {
  const folder = join(work, 'tools');
  const bin = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin');
  if (!existsSync(join(folder, 'done'))) {
    run('python3', ['-m', 'venv', folder]);
    const packages = ['uv==0.13.9', 'packaging==26.4'];
    run(join(bin, 'python'), ['-m', 'pip', 'install', '--quiet', ...packages]);
    writeFileSync(join(folder, 'done'), '');
  }
  return { python: join(bin, 'python'), uv: join(bin, 'uv') };
}

function lock(name, { python, uv }) {
  const input = join(work, `${name}.in`);
  const resolved = join(work, `pylock.${name}.toml`);
  writeFileSync(input, `${environments[name].requirements.join('\n')}\n`);
  const args = ['pip', 'compile', '--quiet', '--universal', '--python-version', '3.10'];
  args.push('--only-binary', ':all:', '--system-certs', '--format', 'pylock.toml');
  // In the place of what a package asks for, such as TensorFlow with a GPU.
  const { overrides = [] } = environments[name];
  const overriding = join(work, `${name}.overrides`);
  writeFileSync(overriding, `${overrides.join('\n')}\n`);
  args.push('--override', overriding);
  run(uv, [...args, '--output-file', resolved, input]);
  const text = run(python, [at('scripts/lib/convert_lock.py'), resolved]);
  writeFileSync(at(`converters/locks/${name}.txt`), text);
  console.log(`${name}: ${text.split('\n').filter((line) => line.includes('==')).length} pins`);
}

try {
  mkdirSync(work, { recursive: true });
  const programs = tools();
  const names = process.argv.slice(2);
  for (const name of names.length === 0 ? Object.keys(environments) : names) lock(name, programs);
} catch (error) {
  reportFailure('convert-locks', error);
}
