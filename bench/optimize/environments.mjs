// The virtual environments of Python's packages: one that makes the models, one for each kind of
// reference, since what they need does not go together.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { BENCH, OPTIMIZE_VENVS } from '../harness/paths.mjs';
import { PythonEnvironment } from '../harness/python-environment.mjs';
import { Skip } from '../harness/skip.mjs';

export const optimizeScript = (name) => join(BENCH, 'optimize', name);

/** Their names are those of bench/optimize/requirements-NAME.txt. */
const environments = Object.fromEntries(
  ['models', 'quantize', 'simplify', 'tflite'].map((name) => [
    name,
    new PythonEnvironment({
      folder: join(OPTIMIZE_VENVS, name),
      requirements: optimizeScript(`requirements-${name}.txt`),
    }),
  ]),
);

export const pythonOf = (name) => environments[name].python;

/** Makes the environments that are missing or are of other requirements. */
export function makeEnvironments(log) {
  for (const environment of Object.values(environments)) environment.make(log);
}

/** Runs a script of bench/optimize and gives its lines of JSON; throws what it said when it fails. */
export function runPython(environment, script, args) {
  if (!environments[environment].isMade)
    throw new Skip('no environment: npm run bench -- --prepare optimize');
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
