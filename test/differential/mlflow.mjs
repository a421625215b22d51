// Models out of a real MLflow server, and runs, metrics, parameters and artefacts into it.
// usage: mlflow.mjs [--python PYTHON]
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { InferenceSession, Tensor } from 'onlite';
import { MlflowClient, resolveModel } from 'onlite/watch';

import { managedPython } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const fixtures = join(here, '..', 'fixtures');
const { values } = parseArgs({ options: { python: { type: 'string' } } });
const python = values.python ?? managedPython('mlflow-venv', join(here, 'mlflow.txt'));
const folder = mkdtempSync(join(tmpdir(), 'onlite-mlflow-'));

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a server, gives its address to `use`, and stops it with all that it has started. */
async function withServer(use) {
  const port = await freePort();
  const args = [
    ...['server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
    ...['--backend-store-uri', `sqlite:///${join(folder, 'store.db')}`],
    ...['--artifacts-destination', join(folder, 'artefacts'), '--serve-artifacts'],
  ];
  const server = spawn(join(dirname(python), 'mlflow'), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (said += text));
  const address = `http://127.0.0.1:${port}`;
  try {
    const deadline = Date.now() + 300_000;
    for (;;) {
      const isUp = await fetch(`${address}/health`).then(
        (response) => response.ok,
        () => false,
      );
      if (isUp) break;
      if (Date.now() > deadline || server.exitCode !== null) throw new Error(said);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    return await use(address);
  } finally {
    if (server.exitCode === null) {
      process.kill(-server.pid, 'SIGTERM');
      await once(server, 'exit');
    }
  }
}

function python3(script, address, ...args) {
  const found = spawnSync(python, [join(here, script), address, ...args], { encoding: 'utf8' });
  if (found.status !== 0) throw new Error(found.stderr);
  return JSON.parse(found.stdout);
}

async function checkModels(trackingUri) {
  const options = { trackingUri, folder: join(folder, 'models') };
  const onnx = join(fixtures, 'digits', 'cnn.onnx');
  const tflite = join(fixtures, 'models', 'mlp.tflite');
  python3('mlflow_register.py', trackingUri, onnx, tflite);
  for (const [uri, version, file] of [
    ['models:/digits@champion', '1', onnx],
    ['models:/digits/1', '1', onnx],
    ['models:/digits/latest', '2', onnx],
    ['models:/small/1', '1', tflite],
  ]) {
    const resolved = await resolveModel(uri, options);
    equal(resolved.version, version, uri);
    deepEqual(readFileSync(resolved.path), readFileSync(file), uri);
    deepEqual(await resolveModel(uri, options), resolved);
  }
  const { path } = await resolveModel('models:/digits@champion', options);
  const session = await InferenceSession.create(path);
  const image = new Tensor('float32', new Float32Array(64), [1, 1, 8, 8]);
  const { scores } = await session.run({ image });
  equal(scores.dims[1], 10);
  await session.release();
  for (const uri of [
    'models:/none/1',
    'models:/digits/9',
    'models:/digits@none',
    'models:/none/latest',
  ])
    await rejects(resolveModel(uri, options), { code: 'ERR_MODEL_NOT_FOUND' }, uri);
}

/** The server's command follows an alias of the registry. */
async function checkServer(trackingUri) {
  const command = join(here, '..', '..', 'server', 'dist', 'cli', 'main.js');
  const child = spawn(
    process.execPath,
    [command, 'models:/digits@champion', '--rest-port', '0', '--no-grpc', '--json'],
    {
      env: {
        ...process.env,
        MLFLOW_TRACKING_URI: trackingUri,
        ONLITE_DATA_PATH: join(folder, 'data'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    const [line] = await once(child.stdout, 'data');
    const { url, models } = JSON.parse(line.toString());
    deepEqual(models, [{ name: 'digits', version: '1', state: 'AVAILABLE' }]);
    const response = await fetch(`${trackingUri}/api/2.0/mlflow/registered-models/alias`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'digits', alias: 'champion', version: '2' }),
    });
    ok(response.ok, await response.text());
    const deadline = Date.now() + 120_000;
    let versions;
    do {
      await new Promise((resolve) => setTimeout(resolve, 500));
      ({ versions } = await (await fetch(`${url}/v2/models/digits`)).json());
    } while (versions.join() !== '2' && Date.now() < deadline);
    deepEqual(versions, ['2']);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}

async function checkRuns(trackingUri) {
  const client = new MlflowClient({ trackingUri });
  const run = await client.startRun('latency', { name: 'first', tags: { by: 'onlite' } });
  const metrics = Array.from({ length: 1500 }, (_, step) => ({
    key: 'p99 [ms]',
    value: step / 8,
    step,
  }));
  await client.logMetrics(run, [...metrics, { key: 'none', value: NaN }]);
  await client.logParameters(run, { threads: 2, provider: 'cpu', long: 'x'.repeat(9000) });
  await client.logArtifact(run, fileURLToPath(import.meta.url), 'reports/a b.mjs');
  await client.endRun(run);
  const again = await client.startRun('latency');
  await client.endRun(again, 'FAILED');
  const found = python3('mlflow_read.py', trackingUri, run.runId, again.runId);
  equal(found.name, 'first');
  equal(found.status, 'FINISHED');
  equal(found.other, 'FAILED');
  equal(found.tags.by, 'onlite');
  deepEqual(Object.keys(found.metrics), ['p99 _ms_']);
  deepEqual(
    found.metrics['p99 _ms_'],
    metrics.map(({ step, value }) => [step, value]),
  );
  equal(found.parameters.threads, '2');
  equal(found.parameters.long.length, 6000);
  equal(found.artefact, readFileSync(fileURLToPath(import.meta.url), 'utf8'));
  const files = await client.listArtifacts(run.artifactUri, 'reports');
  equal(files.length, 1);
  ok(files[0].path.endsWith('a b.mjs'));
}

/** What the command line sends. */
async function checkCommand(trackingUri) {
  const main = join(here, '..', '..', 'dist', 'cli', 'main.js');
  const models = ['mlp.onnx', 'mlp.tflite'].map((name) => join(fixtures, 'models', name));
  const report = join(folder, 'compare.html');
  const options = ['--no-speed', '--report', report, '--mlflow', trackingUri];
  const args = [main, 'compare', ...models, ...options, '--mlflow-experiment', 'models'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  equal(status, 0, stderr);
  const runs = python3('mlflow_runs.py', trackingUri, 'models');
  deepEqual(
    runs.map(({ name, status: state }) => [name, state]),
    [
      ['mlp.onnx', 'FINISHED'],
      ['mlp.tflite', 'FINISHED'],
    ],
  );
  const [reference, candidate] = runs;
  equal(reference.parameters.reference, 'true');
  ok(Object.keys(candidate.metrics).some((key) => key.endsWith('/max_error')));
  deepEqual(candidate.artefacts, ['onlite-compare.html', 'onlite-compare.json']);

  const environment = {
    ...process.env,
    MLFLOW_TRACKING_URI: trackingUri,
    ONLITE_DATA_PATH: join(folder, 'data'),
  };
  const info = spawnSync(process.execPath, [main, 'info', 'models:/small/1', '--json'], {
    encoding: 'utf8',
    env: environment,
  });
  equal(info.status, 0, info.stderr);
  match(info.stderr, /^models:\/small\/1: version 1 of small, /);
  match(JSON.parse(info.stdout).path, /\.tflite$/);
}

try {
  await withServer(async (address) => {
    await checkModels(address);
    console.log('models of a registry are brought and run');
    await checkServer(address);
    console.log('the server follows an alias of the registry');
    await checkRuns(address);
    await checkCommand(address);
    console.log('MLflow has the runs, metrics, parameters and artefacts');
  });
  await rejects(resolveModel('models:/digits/1', { trackingUri: 'http://127.0.0.1:9' }), {
    code: 'ERR_RUN_FAILED',
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
