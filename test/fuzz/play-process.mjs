// Plays a round in a process of its own, which may crash or hang.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('round.mjs', import.meta.url));

/** `ArrayBuffer.prototype.transfer` is behind a flag in Node 20. */
const nodeFlags = [
  '--expose-gc',
  ...('transfer' in ArrayBuffer.prototype ? [] : ['--harmony-rab-gsab-transfer']),
];

/**
 * Plays the round that the settings say.
 *
 * @param limit - milliseconds after which the process is said to hang
 * @returns what the round says of itself; `failure` also if the process did not end as it should
 */
export async function playInProcess(settings, limit, env) {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-fuzz-'));
  const file = join(folder, 'progress');
  try {
    const ended = await runProcess(settings, limit, env, openSync(file, 'w'));
    const progress = readFileSync(file, 'utf8').trim();
    return conclude(ended, progress);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runProcess(settings, limit, env, progress) {
  const { promise, resolve, reject } = withResolvers();
  const child = spawn(process.execPath, [...nodeFlags, script, JSON.stringify(settings)], {
    // No GPU is looked for: who waits for that does so with Promise.race(), which settles twice.
    env: { ...process.env, NODE_OPTIONS: '', ONLITE_NVML_PATH: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe', progress],
  });
  closeSync(progress);
  let output = '';
  let errors = '';
  let isHung = false;
  const timer = setTimeout(() => {
    isHung = true;
    child.kill('SIGKILL');
  }, limit);
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-8000);
    if (settings.verbose) process.stderr.write(chunk);
  });
  child.once('error', reject);
  // 'close' and not 'exit': the pipes have been read to their end.
  child.once('close', (code, signal) => {
    clearTimeout(timer);
    resolve({ code, signal, isHung, output, errors });
  });
  return promise;
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

function conclude({ code, signal, isHung, output, errors }, progress) {
  const line = output.split('\n').find((text) => text.startsWith('{"seed"'));
  const result = line === undefined ? { counts: {}, checks: 0 } : JSON.parse(line);
  if (result.failure !== undefined) return { ...result, errors };
  if (code === 0 && !isHung && line !== undefined) return result;
  const [step = '0', operation = 'start'] = progress.split(/\s+/);
  const how = isHung ? 'hung and was killed' : `ended with ${signal ?? `code ${code}`}`;
  const failure = { step: Number(step), operation, message: `the process ${how}` };
  return { ...result, steps: Number(step), failure, errors };
}
