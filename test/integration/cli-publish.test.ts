import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { model, onlite } from './cli-support';
import { writeHistory } from './watch-logs';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-publish-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The event files below a folder, by the runs that they are of, as text. */
function eventFiles(below: string): Record<string, string> {
  const files = readdirSync(below, { recursive: true, encoding: 'utf8' });
  const events = files.filter((name) => name.includes('tfevents'));
  return Object.fromEntries(
    events.map((name) => [
      dirname(name).split(/[\\/]/).slice(1).join('/'),
      readFileSync(join(below, name), 'latin1'),
    ]),
  );
}

// What a real MLflow makes of it: npm run test:mlflow; npm run test:tensorboard has the writer's files read.
describe('results for TensorBoard', () => {
  it('are a run for each model of a comparison', () => {
    const events = join(folder, 'compare');
    const { status, stderr } = onlite([
      'compare',
      model('mlp.onnx'),
      model('mlp.tflite'),
      '--no-speed',
      '--tensorboard',
      events,
    ]);
    expect(status, stderr).toBe(0);
    const files = eventFiles(events);
    expect(Object.keys(files).sort()).toEqual(['mlp.onnx', 'mlp.tflite']);
    expect(files['mlp.onnx']).toContain('model/bytes');
    expect(files['mlp.tflite']).toMatch(/\/max_error/);
    expect(files['mlp.tflite']).toContain('_hparams_/session_start_info');
  });

  it('are a step for each span of time of a history', async () => {
    const { logs, labels } = await writeHistory(folder);
    const events = join(folder, 'history');
    const args = ['report', logs, '--labels', labels, '--tensorboard', events];
    const { status, stderr } = onlite(args);
    expect(status, stderr).toBe(0);
    const { flowers = '' } = eventFiles(events);
    for (const tag of ['rows', 'errors/ERR_TIMEOUT', 'latency_ms/p99', 'accuracy/version 2'])
      expect(flowers).toContain(tag);
    expect(flowers.match(/latency_ms\/p50/g)!.length).toBeGreaterThanOrEqual(48);
  });
});

describe('results for MLflow', () => {
  it('are an error where there is no server', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const uri = `http://127.0.0.1:${port}`;
    const models = [model('mlp.onnx'), model('mlp.tflite')];
    const { status, stderr } = onlite(['compare', ...models, '--no-speed', '--mlflow', uri]);
    expect(status).toBe(1);
    expect(stderr).toContain('ERR_RUN_FAILED');
    expect(stderr).toContain(uri);
  });

  it.each([
    [['--mlflow', 'host:5000'], '--mlflow'],
    [['--mlflow-experiment', 'x'], '--mlflow-experiment'],
  ])('needs an address: %j', (args, message) => {
    const models = [model('mlp.onnx'), model('mlp.tflite')];
    const { status, stderr } = onlite(['compare', ...models, ...args]);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
