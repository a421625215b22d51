// The servers that ours is compared with. Each is asked for by `start`, which skips with the reason if it
// cannot be had.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runtimeInfo } from 'onlite';

import { output, runLogged } from '../harness/command.mjs';
import { ROOT, SERVER_BENCH, SERVE_VENVS, TRITON_BUILD } from '../harness/paths.mjs';
import { PythonEnvironment } from '../harness/python-environment.mjs';
import { Skip } from '../harness/skip.mjs';
import { ServerProcess } from './server-process.mjs';

const environment = (name, options) =>
  new PythonEnvironment({
    folder: join(SERVE_VENVS, name),
    requirements: join(SERVER_BENCH, `requirements-${name}.txt`),
    options,
  });

const environments = {
  // Of pytriton only the server is wanted, not what its Python needs.
  triton: environment('triton', ['--no-deps']),
  kserve: environment('kserve'),
};

/** Installs what can be; what cannot is skipped later, with the reason. */
export function preparePeers(log) {
  for (const [name, each] of Object.entries(environments)) {
    try {
      each.make(log);
    } catch (error) {
      log(`${name} is left out: ${error.message}`);
    }
  }
}

function needEnvironment(name) {
  if (environments[name].isMade) return environments[name];
  throw new Skip(`${name} is not installed: npm run bench -- --prepare serve`);
}

/** A port that was free a moment ago, for those who cannot choose one themselves. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The folder of the wheel that holds Triton. */
function tritonFolder() {
  const { folder } = needEnvironment('triton');
  const [python] = readdirSync(join(folder, 'lib'));
  return join(folder, 'lib', python, 'site-packages', 'pytriton', 'tritonserver');
}

/** The folder of backends with our own in it, over the ONNX Runtime that onlite uses. */
function tritonBackends() {
  if (output('cmake', ['--version']) === null) throw new Skip("Triton's backend needs cmake");
  const log = join(ROOT, 'build', 'serve-triton.log');
  try {
    runLogged(log, 'cmake', ['-S', join(SERVER_BENCH, 'triton'), '-B', TRITON_BUILD]);
    runLogged(log, 'cmake', ['--build', TRITON_BUILD, '--config', 'Release']);
  } catch (error) {
    throw new Skip(error.message);
  }
  const folder = join(TRITON_BUILD, 'backends');
  mkdirSync(join(folder, 'onlitebench'), { recursive: true });
  const library = 'libtriton_onlitebench.so';
  copyFileSync(join(TRITON_BUILD, library), join(folder, 'onlitebench', library));
  return folder;
}

/** `models` are {file, inputs, outputs} by name, the last two with their shapes. */
function tritonRepository(models) {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-triton-'));
  const ports = (shapes) =>
    Object.entries(shapes)
      .map(([name, dims]) => `{ name: "${name}" data_type: TYPE_FP32 dims: [${dims}] }`)
      .join(', ');
  for (const [name, { file, inputs, outputs }] of Object.entries(models)) {
    mkdirSync(join(folder, name, '1'), { recursive: true });
    copyFileSync(file, join(folder, name, '1', 'model.onnx'));
    const config = [
      'backend: "onlitebench"',
      `input [ ${ports(inputs)} ]`,
      `output [ ${ports(outputs)} ]`,
      'instance_group [ { count: 1 kind: KIND_CPU } ]',
    ];
    writeFileSync(join(folder, name, 'config.pbtxt'), `${config.join('\n')}\n`);
  }
  return folder;
}

async function triton(models) {
  const folder = tritonFolder();
  const backends = tritonBackends();
  const repository = tritonRepository(models);
  const [port, grpcPort, metricsPort] = [await freePort(), await freePort(), await freePort()];
  const server = new ServerProcess(
    join(folder, 'bin', 'tritonserver'),
    [
      `--model-repository=${repository}`,
      `--backend-directory=${backends}`,
      ...['--http-address=127.0.0.1', `--http-port=${port}`],
      ...['--grpc-address=127.0.0.1', `--grpc-port=${grpcPort}`],
      `--metrics-port=${metricsPort}`,
    ],
    {
      peer: 'triton',
      env: { ONLITE_BENCH_ORT: runtimeInfo({ load: true }).runtimes.onnxruntime.path },
    },
  );
  void server.ended.then(() => rmSync(repository, { recursive: true, force: true }));
  return server.answering({ port, grpcPort, path: '/v2/health/ready' });
}

async function kserve(models) {
  const { python } = needEnvironment('kserve');
  const port = await freePort();
  const named = Object.entries(models).map(([name, { file }]) => `${name}=${file}`);
  const script = join(SERVER_BENCH, 'kserve_server.py');
  const server = new ServerProcess(python, [script, String(port), ...named], { peer: 'kserve' });
  return server.answering({ port, path: '/v2/health/ready' });
}

const nodeServer = (script, ...args) =>
  new ServerProcess(process.execPath, [join(SERVER_BENCH, script), ...args]).announced();

/** Ours; `options` are those of server/bench/onlite.mjs. */
export function startOnlite(models, options = {}) {
  const files = Object.entries(models).map(([name, { file }]) => [name, file]);
  const config = { models: Object.fromEntries(files), ...options };
  return nodeServer('onlite.mjs', JSON.stringify(config));
}

const starts = {
  onlite: (models) => startOnlite(models, { grpc: true }),
  echo: () => nodeServer('echo.mjs'),
  'node:http2': () => nodeServer('echo-http2.mjs'),
  triton,
  kserve,
};

/** The servers that can be started, by name, and the Skips of the others. */
export async function startServers(models) {
  const running = {};
  const missing = {};
  for (const [name, start] of Object.entries(starts)) {
    try {
      running[name] = await start(models);
    } catch (error) {
      if (!(error instanceof Skip)) {
        await endServers(running);
        throw error;
      }
      missing[name] = error;
    }
  }
  return { running, missing };
}

export const endServers = (running) =>
  Promise.all(Object.values(running).map((server) => server.end()));
