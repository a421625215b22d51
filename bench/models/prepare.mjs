// Makes the models that come from Python's tools, in a throw-away virtual environment.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { output, runLogged } from '../harness/command.mjs';
import { BENCH, MODEL_CACHE, ROOT, VENV } from '../harness/paths.mjs';
import { MOBILENETS } from './models.mjs';

const script = join(BENCH, 'models', 'generate.py');
const requirements = join(BENCH, 'models', 'requirements.txt');
const stamp = join(MODEL_CACHE, '.stamp');

const pythonOf = (venv) =>
  join(venv, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));

function stampText() {
  const hash = createHash('sha256');
  for (const file of [script, requirements]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

function isPrepared() {
  return (
    MOBILENETS.every((name) => existsSync(join(MODEL_CACHE, name))) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === stampText()
  );
}

function makeEnvironment(log) {
  const base = ['python3', 'python'].find((name) => output(name, ['--version']) !== null);
  if (base === undefined) throw new Error('the vision models need Python 3.9 to 3.12');
  log(`making ${VENV} (TensorFlow and ONNX Runtime, 1.5 GB)`);
  const logFile = join(ROOT, 'build', 'bench-venv.log');
  runLogged(logFile, base, ['-m', 'venv', VENV]);
  runLogged(logFile, pythonOf(VENV), ['-m', 'pip', 'install', '-q', '-r', requirements]);
}

/**
 * Makes what is missing; does nothing when the models are those that generate.py makes.
 *
 * @param venv - an environment that has the packages of requirements.txt; else one is made
 */
export function prepareModels({ venv, log }) {
  if (isPrepared()) return;
  if (venv === undefined && !existsSync(pythonOf(VENV))) makeEnvironment(log);
  log('generating MobileNetV2 (half a minute)');
  runLogged(join(ROOT, 'build', 'bench-models.log'), pythonOf(venv ?? VENV), [script, MODEL_CACHE]);
  writeFileSync(stamp, stampText());
}
