// Runs clients.py and grpc_clients.py, the real clients of Triton, KServe and TensorFlow Serving, against
// a server of fixtures.
// usage: run.mjs [--python PYTHON]: one that has requirements.txt, tensorflow-serving-api, and TensorFlow or its messages;
// otherwise a virtual environment is made in build/ the first time.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createServer } from '@onlite/server';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../../..');
const requirements = join(here, 'requirements.txt');
// Needs of TensorFlow no more than its messages, which tensorflow_messages.py installs.
const alone = join(here, 'requirements-no-deps.txt');
const TENSORFLOW = '2.21.0';
const messages = join(here, 'tensorflow_messages.py');

function runOrThrow(command, args) {
  const { error, status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${status})`);
}

/** The Python of a virtual environment with the clients, one for each state of their pins. */
function managedPython() {
  const hash = createHash('sha256').update(TENSORFLOW);
  for (const file of [requirements, alone, messages]) hash.update(readFileSync(file));
  const pins = hash.digest('hex').slice(0, 12);
  const environment = join(root, 'build/clients', pins);
  const windows = process.platform === 'win32';
  const python = join(environment, ...(windows ? ['Scripts', 'python.exe'] : ['bin', 'python']));
  // Written last: an environment that was left half-made is made again.
  const mark = join(environment, 'pyvenv.cfg.done');
  if (existsSync(mark)) return python;
  console.log(`making ${environment} (about 300 MB, and as many to load)`);
  rmSync(environment, { recursive: true, force: true });
  runOrThrow(windows ? 'python' : 'python3', ['-m', 'venv', environment]);
  const install = ['-m', 'pip', 'install', '--quiet'];
  runOrThrow(python, [...install, '-r', requirements]);
  runOrThrow(python, [...install, '--no-deps', '-r', alone]);
  runOrThrow(python, [messages, TENSORFLOW]);
  runOrThrow(python, ['-c', `open(${JSON.stringify(mark)}, "w").close()`]);
  return python;
}

const { values } = parseArgs({ options: { python: { type: 'string' } } });
const python = values.python ?? managedPython();

const server = createServer();
const types =
  'bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 float64';
const models = Object.fromEntries(
  [...types.split(' '), 'string'].map((type) => [type, `identity_${type}.onnx`]),
);
for (const [name, file] of Object.entries({ ...models, add: 'add4.onnx', lite: 'add4.tflite' })) {
  await server.load({ name, version: '1', file: join(root, 'test/fixtures/models', file) });
}
const { port } = await server.listen(0);
const { port: grpcPort } = await server.listenGrpc(0);

/** Runs one of the programs to its end. The server answers meanwhile, so not synchronously. */
const run = (...args) =>
  new Promise((resolve, reject) => {
    const child = spawn(python, args, { cwd: here, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
let failed = (await run('clients.py', `127.0.0.1:${port}`)) !== 0;
for (const client of ['triton', 'kserve', 'tfserving']) {
  const status = await run('grpc_clients.py', client, `127.0.0.1:${grpcPort}`);
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
await server.close();
