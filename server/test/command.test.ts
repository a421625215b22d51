import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createServer, type FolderChange } from '@onlite/server';
import { InferenceClient, InferenceError } from '@onlite/server/client';
import { afterAll, describe, expect, it } from 'vitest';

import { call, fixture, json, listening, root } from './support';

const main = join(root, 'server/dist/cli/main.js');
const LATER = new Date('2100-01-01');
const folder = mkdtempSync(join(tmpdir(), 'onlite-server-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a command that serves and says where, as JSON. */
async function started(args: readonly string[], script = main) {
  const child = spawn(process.execPath, [script, ...args, '--json', '--rest-port', '0']);
  const where = await listening(child);
  const end = () =>
    new Promise<number | null>((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
  return { ...where, end };
}

const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

describe('the command', () => {
  it('serves a file until it is told to end', async () => {
    const { url, models, end } = await started([`sum=${fixture('add4.onnx')}`]);
    expect(models).toEqual([{ name: 'sum', version: '1', state: 'AVAILABLE' }]);
    const client = new InferenceClient(url);
    expect(await client.isReady()).toBe(true);
    expect(await client.metadata('sum')).toMatchObject({ name: 'sum', versions: ['1'] });
    const tensor = (...values: number[]) =>
      ({ datatype: 'FP32', shape: [4], data: Float32Array.from(values) }) as const;
    const answer = await client.infer('sum', { a: tensor(1, 2, 3, 4), b: tensor(1, 1, 1, 1) });
    expect(answer['sum']).toEqual(tensor(2, 3, 4, 5));
    const wrong = client.infer('sum', { a: tensor(1, 2, 3, 4) });
    await expect(wrong).rejects.toThrow(InferenceError);
    await expect(wrong).rejects.toMatchObject({ status: 400, message: "inputs: 'b' is missing" });
    if (process.platform === 'win32') return;
    expect(await end()).toBe(0);
  });

  it("follows TensorFlow Serving's file of models", async () => {
    const base = join(folder, 'by-config', 'sum');
    for (const version of ['1', '2', '3']) {
      mkdirSync(join(base, version), { recursive: true });
      copyFileSync(fixture('add4.onnx'), join(base, version, 'model.onnx'));
      utimesSync(join(base, version, 'model.onnx'), 1, 1);
    }
    const config = join(folder, 'models.config');
    const text = `model_config_list { config {
      name: "sum" base_path: "${base.replaceAll('\\', '/')}" model_platform: "tensorflow"
      model_version_policy { specific { versions: 2 versions: 3 } }
      version_labels { key: "stable" value: 2 } version_labels { key: "canary" value: 3 }
    } }`;
    writeFileSync(config, text);
    const { port, end } = await started([
      `--model_config_file=${config}`,
      '--allow_version_labels_for_unavailable_models=true',
      '--enable_model_warmup=false',
    ]);
    const served = async (path: string) => {
      const status = await call(port, `/v1/models/sum${path}`);
      return (json(status) as { model_version_status: { version: string }[] }).model_version_status;
    };
    // What was written just now is not read before it has stood still.
    while ((await call(port, '/v1/models/sum/labels/canary')).status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await served('/labels/stable')).toMatchObject([{ version: '2', state: 'AVAILABLE' }]);
    expect((await served('')).map(({ version }) => version).sort()).toEqual(['2', '3']);
    await end();
    const { status, stderr } = run('--model_config_file=/none', '--enable_profiler');
    expect(status).toBe(2);
    expect(stderr).toMatch(/--model_config_file: .*ENOENT/);
  });

  it.runIf(process.platform === 'linux')('answers in several threads, and ends', async () => {
    const { url, models, end } = await started([
      ...[fixture('add4.onnx'), '--workers', '2', '--no-inline', '--refuse-non-finite'],
    ]);
    expect(models).toEqual([{ name: 'add4', version: '1', state: 'AVAILABLE' }]);
    const body = '{"inputs":{"a":[NaN,1,1,1],"b":[1,1,1,1]}}';
    for (let request = 0; request < 10; request++) {
      const { status } = await fetch(`${url}/v1/models/add4:predict`, { method: 'POST', body });
      expect(status).toBe(400);
    }
    expect(await end()).toBe(0);
  });

  it('is what `onlite serve` forwards to', async () => {
    const onlite = join(root, 'dist/cli/main.js');
    const { models, end } = await started(['serve', fixture('add4.tflite')], onlite);
    expect(models).toEqual([{ name: 'add4', version: '1', state: 'AVAILABLE' }]);
    await end();
  });

  it("takes TensorFlow Serving's names of options", async () => {
    const base = join(folder, 'half');
    mkdirSync(join(base, '3'), { recursive: true });
    copyFileSync(fixture('add4.tflite'), join(base, '3/model.tflite'));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const { port, end } = await started([
      '--rest_api_port=0',
      '--poll_seconds=1',
      '--model_name=half',
      `--model_base_path=${base}`,
    ]);
    expect(json(await call(port, '/v1/models/half'))).toMatchObject({
      model_version_status: [{ version: '3', state: 'AVAILABLE' }],
    });
    await end();
  });

  it.each([
    [['--help'], 0, /^Usage: onlite-server/, /^$/],
    [['--version'], 0, /^\d+\.\d+\.\d+/, /^$/],
    [[], 2, /^$/, /no model is named/],
    [['--none'], 2, /^$/, /--none/],
    [['a.onnx', '--rest-port', 'x'], 2, /^$/, /--rest-port: expected a whole number/],
    [['a.onnx', 'b.onnx', '--model-name', 'c'], 2, /^$/, /--model-name is for one model/],
    [['--model-base-path', 'd', '--versions', 'some'], 2, /^$/, /--versions: expected latest/],
    [['absent.onnx'], 1, /^$/, /absent\.onnx/],
    [['--model-base-path', 'absent'], 1, /^$/, /absent/],
  ])('%j ends with %i', (args, status, stdout, stderr) => {
    expect(run(...args)).toMatchObject({
      status,
      stdout: expect.stringMatching(stdout) as unknown,
      stderr: expect.stringMatching(stderr) as unknown,
    });
  });
});

describe('a folder of models', () => {
  it('is served as it changes', async () => {
    const base = join(folder, 'models');
    const add = (name: string, version: string, file: string) => {
      // As it should be done: written elsewhere and renamed.
      const made = join(folder, 'made');
      mkdirSync(made);
      const target = join(made, `model${/\.\w+$/.exec(file)?.[0]}`);
      copyFileSync(fixture(file), target);
      // However slow this machine is, it does not look old.
      utimesSync(target, LATER, LATER);
      mkdirSync(join(base, name), { recursive: true });
      renameSync(made, join(base, name, version));
    };
    const changes: string[] = [];
    const server = createServer({ control: true });
    add('sum', '2', 'add4.onnx');
    mkdirSync(join(base, 'sum', 'notes'));
    const told = ({ name, version, event }: FolderChange) =>
      changes.push(`${name} ${version} ${event}`);
    // Looks are made by hand: the timer is for others.
    const { FolderWatch } = await import('@onlite/server');
    const watch = new FolderWatch(server.models, base, { pollMs: 0, onChange: told });
    await watch.start();
    // Seen once.
    expect(changes).toEqual([]);
    await watch.look();
    expect(changes).toEqual(['sum 2 loaded']);

    add('sum', '10', 'add4.onnx');
    await watch.look();
    writeFileSync(join(base, 'sum/10/more'), 'still being copied');
    await watch.look();
    expect(changes).toHaveLength(1);
    await watch.look();
    await expect
      .poll(() => [...changes].sort())
      .toEqual(['sum 10 loaded', 'sum 2 loaded', 'sum 2 unloaded']);
    expect(server.models.find('sum').version).toBe('10');

    mkdirSync(join(base, 'sum/11'));
    writeFileSync(join(base, 'sum/11/model.onnx'), 'no model');
    utimesSync(join(base, 'sum/11/model.onnx'), LATER, LATER);
    for (let look = 0; look < 4; look++) await watch.look();
    expect(changes.filter((change) => change.includes('failed'))).toEqual(['sum 11 failed']);
    expect(server.models.find('sum').version).toBe('10');
    expect(server.models.versions('sum')).toMatchObject([{ version: '11', state: 'END' }, {}]);

    rmSync(join(base, 'sum'), { recursive: true });
    await watch.look();
    await expect.poll(() => server.models.names).toEqual([]);
    expect(() => server.models.find('sum')).toThrow(/no model is called 'sum'/);
    await watch.stop();
    await server.close();
  });

  it('can be loaded and unloaded over the network, where that was allowed', async () => {
    const server = createServer({ control: true });
    await server.load({ name: 'sum', version: '1', file: fixture('add4.onnx') });
    const { port } = await server.listen(0);
    const post = (path: string) => call(port, path, { method: 'POST' });
    const ready = async () => (await call(port, '/v2/models/sum/ready')).status;
    expect((await post('/v2/repository/models/sum/unload')).status).toBe(200);
    expect(await ready()).toBe(404);
    expect((await post('/v2/repository/models/sum/load')).status).toBe(200);
    expect(await ready()).toBe(200);
    expect((await post('/v2/repository/models/none/load')).status).toBe(404);
    await server.close();
  });
});
