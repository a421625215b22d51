// What deploy/ says, beside what the server does. `npm run test:deploy` has the tools that read it.
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { createServer } from '@onlite/server';
import { Profiler, writeProfile } from 'onlite/watch';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import { call, fixture, json, listening, post, root, serve, type Running } from './support';
import { adds } from './versions-support';

const scripts = new URL('../../scripts/', import.meta.url);
const { deployCopies } = await import(new URL('deploy-copies.mjs', scripts).href);
const { expressions } = await import(new URL('deploy/expressions.mjs', scripts).href);

const read = (file: string) => readFileSync(join(root, 'deploy', file), 'utf8');
const files = readdirSync(join(root, 'deploy'), { recursive: true, encoding: 'utf8' });

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
}

let running: Running;
beforeAll(async () => {
  running = await serve({ sum: 'add4.onnx', other: 'add4.tflite' });
  const { server } = running;
  for (const version of ['2', '3']) {
    await server.load({ name: 'sum', version, file: fixture('add4.onnx') });
  }
  // So that there is something of all that can be told.
  const session = { batching: { maxBatchSize: 4 } };
  const file = fixture('identity_float32.onnx');
  await server.load({ name: 'gathered', version: '1', file, session });
  const features = new Profiler();
  for (let value = 0; value < 20; value++) features.add({ 'x[0]': value });
  const profile = join(mkdtempSync(join(tmpdir(), 'onlite-profile-')), 'profile.json');
  await writeProfile(profile, features.finish());
  const errors = { measure: 'errorShare', above: 0.1 } as const;
  const watch = { profile, drift: { minRows: 1 }, alerts: { errors } };
  await server.load({ name: 'watched', version: '1', file, serving: { watch } });
  const price = join(dirname(profile), 'price.onnx');
  writeFileSync(price, adds(1));
  await server.load({ name: 'price', version: '1', file: price, serving: { watch: {} } });
  await server.manager.canary('sum', { version: '2', percent: 50 });
  await server.manager.shadow('sum', { version: '1', percent: 50 });
});
afterAll(() => running.server.close());

describe('files of deploy/', () => {
  it.each(files.filter((file) => /(?<!templates.*)\.ya?ml$/.test(file)))('%s is YAML', (file) => {
    for (const document of parseAllDocuments(read(file))) {
      expect([...document.errors, ...document.warnings]).toEqual([]);
    }
  });

  it('are the same where they are copies', () => {
    for (const [file, content] of Object.entries(deployCopies() as Record<string, string>)) {
      expect(read(file), `${file}: node scripts/deploy-copies.mjs`).toBe(content);
    }
  });

  it('name the version that is released', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const chart = parse(read('helm/onlite-server/Chart.yaml'));
    expect(chart).toMatchObject({ version, appVersion: version });
    expect(parse(read('kustomize/base/kustomization.yaml')).images).toMatchObject([
      { newTag: version },
    ]);
    const [container] = parse(read('kserve/serving-runtime.yaml')).spec.containers;
    expect(container.image).toBe(`onlite-server:${version}`);
  });

  it('have a panel for what a model that is watched does', () => {
    const { panels } = JSON.parse(read('grafana/onlite.json')) as { panels: Panel[] };
    const titles = panels.map(({ title }) => title);
    expect(titles).toEqual(
      expect.arrayContaining(['Accuracy', 'Drift by feature', 'Errors by kind', 'Faulty outputs']),
    );
  });

  it('have panels beside each other on the dashboard, each with its number', () => {
    const { panels } = JSON.parse(read('grafana/onlite.json')) as { panels: Panel[] };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken, title).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });
});

describe('what is asked of Prometheus', () => {
  /** What rules record it by. */
  const OF_RULES = ['model', 'version', 'feature', 'bin'];
  /** What a server has of its own, and what Prometheus and its operator add to it. */
  const TARGET = ['namespace', 'job', 'pod', 'instance', 'le'];
  const recorded = new Set(
    parse(read('prometheus/rules.yaml')).groups.flatMap(
      ({ rules }: { rules: { record?: string }[] }) => rules.flatMap(({ record }) => record ?? []),
    ) as string[],
  );
  const families = new Map<string, Set<string>>();
  beforeAll(async () => {
    const body = { inputs: { a: [1, 2, 3, 4], b: [1, 1, 1, 1] } };
    expect((await call(running.port, '/v1/models/sum:predict', post(body))).status).toBe(200);
    const rows = { inputs: [[1, 2, 3]] };
    expect((await call(running.port, '/v1/models/gathered:predict', post(rows))).status).toBe(200);
    const ask = (id: string, more = {}) =>
      call(running.port, '/v1/models/watched:predict', post(rows, { 'x-request-id': id, ...more }));
    expect((await ask('right')).status).toBe(200);
    expect((await ask('late', { 'x-request-timeout-ms': '0' })).status).toBe(504);
    const numbers = post({ instances: [4] }, { 'x-request-id': 'right' });
    expect((await call(running.port, '/v1/models/price:predict', numbers)).status).toBe(200);
    for (const model of ['watched', 'price']) {
      await vi.waitFor(async () => {
        const labels = post([{ requestId: 'right', label: 2 }]);
        const { text: told } = await call(running.port, `/watch/models/${model}/labels`, labels);
        expect(told).toContain('"joined":1');
      });
    }
    const text = await vi.waitFor(async () => {
      const { text: all } = await call(running.port, '/metrics');
      for (const name of ['stability_index', 'accuracy', 'errors_total', 'mean_absolute_error']) {
        expect(all).toContain(`onlite_watch_${name}{`);
      }
      return all;
    });
    for (const [, name] of text.matchAll(/^# TYPE (\S+) /gm)) families.set(name!, new Set());
    for (const [, sample, labels] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
      const name = families.has(sample!) ? sample! : sample!.replace(/_(bucket|sum|count)$/, '');
      const own = families.get(name);
      for (const [, label] of labels?.matchAll(/(\w+)="/g) ?? []) own?.add(label!);
    }
  });

  /** Metrics whose names have this or that in them. */
  const TWO_NAMES = /\{__name__=~"(\w+)\((\w+)\|(\w+)\)(\w+)", (.*?)\}/g;
  const asked = expressions(read) as { where: string; expression: string }[];
  it.each(asked)('$where: the server has it', ({ expression }) => {
    const known = new Set(TARGET);
    let names = 0;
    const spelt = expression.replace(TWO_NAMES, '$1$2$4{$5} $1$3$4{$5}');
    for (const [, name, selector = ''] of spelt.matchAll(/(onlite[_:][\w:]*)(?:\{(.*?)\})?/g)) {
      names++;
      const family = families.get(name!) ?? families.get(name!.replace(/_(bucket|sum|count)$/, ''));
      expect(family !== undefined || recorded.has(name!), name).toBe(true);
      const own = family ?? (recorded.has(name!) ? OF_RULES : []);
      for (const label of own) known.add(label);
      for (const [, label] of selector.matchAll(/(\w+)\s*[=!]/g)) {
        expect([...TARGET, ...own], name).toContain(label);
      }
    }
    expect(names + Number(expression.startsWith('up{'))).toBeGreaterThan(0);
    for (const [, list] of expression.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list!.split(/,\s*/)) expect([...known]).toContain(label);
    }
  });
});

interface Probe {
  httpGet: { path: string };
}

interface Container {
  args: string[];
  ports?: { name: string; containerPort: number }[];
  securityContext: object;
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
}

const deployment = parse(read('kustomize/base/deployment.yaml')).spec.template.spec;
const runtime = parse(read('kserve/serving-runtime.yaml')).spec;
const pods: [string, Container, number][] = [
  ['kustomize', deployment.containers[0], deployment.terminationGracePeriodSeconds],
  ['KServe', runtime.containers[0], 30],
];

describe.each(pods)('a pod of %s', (_name, container, terminationSeconds) => {
  const option = (name: string) =>
    container.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);

  it('is not killed before it has ended by itself', () => {
    const own = Number(option('drain-delay-seconds')) + Number(option('grace-seconds')) + 1;
    expect(own).toBeLessThan(terminationSeconds);
    // Others learn within two looks that it is not ready.
    expect(Number(option('drain-delay-seconds'))).toBeGreaterThanOrEqual(5);
  });

  it('is asked what the server answers', async () => {
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      expect((await call(running.port, container[probe].httpGet.path)).status).toBe(200);
    }
  });

  it('may do nothing that the restricted profile forbids', () => {
    expect({ ...deployment.securityContext, ...container.securityContext }).toMatchObject({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });
});

describe("KServe's runtime", () => {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-kserve-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has all models that were put there just before it', async () => {
    const names = ['first', 'second', 'third'];
    for (const name of names) {
      mkdirSync(join(folder, 'several', name), { recursive: true });
      copyFileSync(fixture('add4.onnx'), join(folder, 'several', name, 'model.onnx'));
    }
    const server = createServer();
    await server.addFolder(join(folder, 'several'), { pollMs: 200 });
    expect(server.models.names.sort()).toEqual(names);
    expect(server.models.isReady).toBe(true);
    await server.close();
  });

  it.each([
    ['a folder with a model', 'flat', '', '1'],
    ['a folder of versions', 'versions', '7', '7'],
  ])('serves %s by the name that KServe gives it', async (_what, name, path, version) => {
    const models = join(folder, name);
    mkdirSync(join(models, path), { recursive: true });
    copyFileSync(fixture('add4.tflite'), join(models, path, 'model.tflite'));
    const args = pods[1]![1].args.map((arg) =>
      arg
        .replace('/mnt/models', models)
        .replace('{{.Name}}', 'mine')
        .replace('0.0.0.0', '127.0.0.1')
        .replace(/^(--(rest|grpc)-port)=\d+/, '$1=0')
        .replace(/^(--drain-delay-seconds)=.*/, '$1=0'),
    );
    const main = join(root, 'server/dist/cli/main.js');
    const child = spawn(process.execPath, [main, ...args, '--json']);
    const { port } = await listening(child);
    const ready = async () => (await call(port, '/v2/models/mine/ready')).status;
    await expect.poll(ready, { timeout: 60_000 }).toBe(200);
    expect(json(await call(port, '/v2/models/mine'))).toMatchObject({ versions: [version] });
    const code = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await code).toBe(0);
  });
});
