// The virtual environments of Python's packages: one that makes the models, one for each kind of
// reference, since what they need does not go together.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { output, runLogged } from '../harness/command.mjs';
import { BENCH, OPTIMIZE_VENVS, ROOT } from '../harness/paths.mjs';
import { Skip } from '../harness/skip.mjs';

/** Their names are those of bench/optimize/requirements-NAME.txt. */
export const environments = ['models', 'quantize', 'simplify'];

export const optimizeScript = (name) => join(BENCH, 'optimize', name);
export const hashOf = (files) =>
  files.reduce((hash, file) => hash.update(readFileSync(file)), createHash('sha256')).digest('hex');

const requirements = (name) => optimizeScript(`requirements-${name}.txt`);
const stamp = (name) => join(OPTIMIZE_VENVS, name, '.stamp');

export const pythonOf = (name) => {
  const windows = process.platform === 'win32';
  return join(OPTIMIZE_VENVS, name, ...(windows ? ['Scripts', 'python.exe'] : ['bin', 'python']));
};

const isMade = (name) =>
  existsSync(stamp(name)) && readFileSync(stamp(name), 'utf8') === hashOf([requirements(name)]);

/** Makes the environments that are missing or are of other requirements. */
export function makeEnvironments(log) {
  for (const name of environments.filter((each) => !isMade(each))) {
    const base = ['python3', 'python'].find((command) => output(command, ['--version']) !== null);
    if (base === undefined) throw new Error('the references need Python 3.10 to 3.12');
    log(`making ${join(OPTIMIZE_VENVS, name)}`);
    const logFile = join(ROOT, 'build', `optimize-venv-${name}.log`);
    runLogged(logFile, base, ['-m', 'venv', join(OPTIMIZE_VENVS, name)]);
    const install = ['-m', 'pip', 'install', '-q', '-r', requirements(name)];
    runLogged(logFile, pythonOf(name), install);
    writeFileSync(stamp(name), hashOf([requirements(name)]));
  }
}

/** Runs a script of bench/optimize and gives its lines of JSON; throws what it said when it fails. */
export function runPython(environment, script, args) {
  if (!isMade(environment)) throw new Skip('no environment: npm run bench -- --prepare optimize');
  const { status, stdout, stderr } = spawnSync(
    pythonOf(environment),
    [optimizeScript(script), ...args],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(`${script} ${args.join(' ')}: ${stderr.trim().slice(-1000)}`);
  // The packages print, too.
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line));
}
