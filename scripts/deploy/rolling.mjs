// Two servers behind HAProxy under load: a version is rolled out, a broken one comes and goes, each server is started
// again. No request may fail.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { statOrNull } from '../lib/files.mjs';
import { findProgram } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';
import { Load, grpcAsk, httpAsk } from './load.mjs';
import { checkQueries, startPrometheus } from './prometheus.mjs';

const HTTP_PER_SECOND = 80;
const GRPC_PER_SECOND = 40;

/** Ports that nobody has now. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = [];
  for (const server of servers) {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.push(server.address().port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Asks until it is so. */
async function until(what, isSo, seconds = 60) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    if (await isSo()) return;
    if (performance.now() > end) throw new Error(`${what}: not after ${seconds} s`);
    await sleep(100);
  }
}

class Instance {
  #args;
  #child;
  #stderr = '';

  constructor(name, models, [port, grpcPort]) {
    this.name = name;
    this.port = port;
    this.grpcPort = grpcPort;
    this.#args = [at('server/dist/cli/main.js'), '--model-base-path', models];
    this.#args.push('--rest-port', String(port), '--grpc-port', String(grpcPort));
    this.#args.push('--poll-seconds', '1', '--drain-delay-seconds', '8', '--grace-seconds', '10');
    // So that there is a queue, whose wait Prometheus is asked for.
    this.#args.push('--no-inline');
  }

  start() {
    this.#child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr.on('data', (chunk) => (this.#stderr += chunk));
    this.ended = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  /** @returns seconds that it took to end */
  async end() {
    const began = performance.now();
    this.#child.kill('SIGTERM');
    const code = await this.ended;
    if (code !== 0) throw new Error(`${this.name} ended with ${code}: ${this.#stderr}`);
    return (performance.now() - began) / 1000;
  }

  kill() {
    this.#child?.kill('SIGKILL');
  }

  async get(path) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`);
    return answer.text();
  }

  async serves(version) {
    const { model_version_status: all } = JSON.parse(await this.get('/v1/models/sum'));
    const available = all.filter(({ state }) => state === 'AVAILABLE');
    return available.length === 1 && available[0].version === version;
  }

  async hasRefused(reason) {
    const text = await this.get('/metrics');
    const line = `onlite_server_model_load_failures_total{model="sum",reason="${reason}"} `;
    return text.split('\n').some((each) => each.startsWith(line) && !each.endsWith(' 0'));
  }
}

/** What HAProxy thinks of its servers: `onlite-http/a` → `UP`. */
async function states(socket) {
  const text = await new Promise((resolve, reject) => {
    let read = '';
    const connection = connect(socket, () => connection.end('show stat\n'));
    connection.on('data', (chunk) => (read += chunk));
    connection.on('end', () => resolve(read));
    connection.on('error', reject);
  });
  const [head, ...lines] = text.split('\n');
  const status = head.split(',').indexOf('status');
  return new Map(
    lines.map((line) => line.split(',')).map((cells) => [`${cells[0]}/${cells[1]}`, cells[status]]),
  );
}

function addVersion(models, version, write) {
  const made = join(models, '..', 'made');
  mkdirSync(made);
  write(join(made, 'model.onnx'));
  mkdirSync(join(models, 'sum'), { recursive: true });
  renameSync(made, join(models, 'sum', version));
}

const report = (name, load) => {
  const versions = Object.entries(load.answered).map(
    ([version, count]) => `${count} by ${version}`,
  );
  const ms = (share) => load.percentile(share).toFixed(1);
  console.log(
    `        ${name}: ${load.requests} requests, ${load.failures.length} failed; by version: ` +
      `${versions.join(', ')}; ms: median ${ms(0.5)}, p99 ${ms(0.99)}, most ${ms(1)}`,
  );
};

/** @returns why nothing was done, if so */
export async function rolling() {
  // Debian has it where only root looks for programs.
  const places = [findProgram('haproxy'), '/usr/sbin/haproxy'];
  const haproxy = places.find((place) => place !== null && statOrNull(place));
  if (haproxy === undefined) return 'needs haproxy (apt-get install haproxy)';
  const folder = mkdtempSync(join(tmpdir(), 'onlite-rolling-'));
  const models = join(folder, 'models');
  const socket = join(folder, 'haproxy.sock');
  const good = (file) => copyFileSync(at('test/fixtures/models/add4.onnx'), file);
  addVersion(models, '1', good);
  const [http, grpc, prometheusPort, ...ports] = await freePorts(7);
  const a = new Instance('a', models, ports.slice(0, 2));
  const b = new Instance('b', models, ports.slice(2));
  const both = [a, b];
  const children = [];
  try {
    for (const each of both) each.start();
    const proxy = spawn(haproxy, ['-db', '-f', at('deploy/haproxy/haproxy.cfg')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        ONLITE_HAPROXY_SOCKET: socket,
        ONLITE_HTTP: `127.0.0.1:${http}`,
        ONLITE_GRPC: `127.0.0.1:${grpc}`,
        ...Object.fromEntries(
          both.flatMap(({ name, port, grpcPort }) => [
            [`ONLITE_${name.toUpperCase()}_HTTP_PORT`, port],
            [`ONLITE_${name.toUpperCase()}_GRPC_PORT`, grpcPort],
          ]),
        ),
      },
    });
    children.push(proxy);
    let proxyErrors = '';
    proxy.stderr.on('data', (chunk) => (proxyErrors += chunk));
    const isUp = async ({ name }) => {
      if (proxy.exitCode !== null) throw new Error(`HAProxy has ended: ${proxyErrors}`);
      const known = await states(socket).catch(() => new Map());
      return [`onlite-http/${name}`, `onlite-grpc/${name}`].every((key) =>
        known.get(key)?.startsWith('UP'),
      );
    };
    for (const each of both) await until(`${each.name} is up`, () => isUp(each));
    const prometheus = startPrometheus(folder, prometheusPort, both);
    if (prometheus !== undefined) children.push(prometheus);

    const loads = { HTTP: new Load(httpAsk(http)), gRPC: new Load(grpcAsk(grpc)) };
    loads.HTTP.start(HTTP_PER_SECOND);
    loads.gRPC.start(GRPC_PER_SECOND);
    await sleep(2000);

    addVersion(models, '2', good);
    for (const each of both) await until(`${each.name} serves 2`, () => each.serves('2'));
    await sleep(1000);
    addVersion(models, '3', (file) => writeFileSync(file, 'no model'));
    for (const each of both) await until(`${each.name} refuses 3`, () => each.hasRefused('model'));
    rmSync(join(models, 'sum/3'), { recursive: true });

    for (const each of both) {
      const seconds = await each.end();
      console.log(`        ${each.name} ended with 0 after ${seconds.toFixed(1)} s`);
      each.start();
      await until(`${each.name} is up again`, () => isUp(each));
      await sleep(1000);
    }
    const problems = prometheus === undefined ? [] : await checkQueries(prometheusPort);
    for (const load of Object.values(loads)) await load.end();
    for (const [name, load] of Object.entries(loads)) {
      report(name, load);
      problems.push(...[...new Set(load.failures)].map((failure) => `${name}: ${failure}`));
      for (const version of ['1', '2']) {
        if (!(load.answered[version] > 0))
          problems.push(`${name}: version ${version} answered nothing`);
      }
      if (load.answered['3'] > 0) problems.push(`${name}: the broken version answered`);
    }
    if (problems.length > 0) {
      const said = proxyErrors.split('\n').filter((line) => / is (UP|DOWN)/.test(line));
      throw new Error([...problems.slice(0, 20), ...said].join('\n        '));
    }
  } finally {
    for (const each of both) each.kill();
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  return undefined;
}
