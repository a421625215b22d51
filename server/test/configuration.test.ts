// What the server's configuration and those of models may have, and where what holds comes from.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { fixture, root } from './support';
import { configuredIn, temporaryFolder } from './versions-support';

const main = join(root, 'server/dist/cli/main.js');
const folder = temporaryFolder();
const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

const configured = configuredIn(folder);

describe('--check', () => {
  it('is content with what is right', () => {
    const file = configured(
      { defaults: { concurrency: 2 }, models: { other: { path: fixture('add4.onnx') } } },
      {
        versionPolicy: { latest: { num_versions: 2 } },
        labels: { stable: 1, canary: '2' },
        canary: { version: 2, percent: 12.5, key: { header: 'x-user' } },
        shadow: { version: 3, percent: 1, tolerance: { absolute: 1e-6 } },
        executionProviders: ['cpu', { name: 'xnnpack', threads: 2 }],
        batching: { max_batch_size: 8, batch_timeout_micros: 500, max_enqueued_batches: 4 },
        warmUp: { runs: 2, requests: [{ inputs: { x: [1] } }] },
        classLabels: ['a', 'b'],
        signatures: { default: 'serving_default' },
      },
      { 'tests.json': '{"tests": [{"inputs": [0], "outputs": [NaN]}]}' },
    );
    expect(run('--config', file, '--check')).toMatchObject({
      stdout: 'nothing is wrong\n',
      status: 0,
    });
  });

  it('names all that is wrong', () => {
    const file = configured({}, { concurrency: 0, pin: 'x' }, { 'tests.json': '[]' });
    const { stdout } = run('--config', file, '--check');
    expect(stdout.trim().split('\n')).toHaveLength(3);
  });
});

describe('--print-config', () => {
  it('says where each setting comes from', () => {
    const file = configured(
      { restPort: 1234, defaults: { intraOpNumThreads: 1, concurrency: 2 } },
      { batching: { max_batch_size: 8, batch_timeout_micros: 500, num_batch_threads: 3 } },
    );
    const args = ['--config', file, '--no-inline', '--workers', '2', '--print-config'];
    const { stdout, status } = run(...args);
    expect(status).toBe(0);
    const own = join(dirname(file), 'models/sum/config.json');
    expect(JSON.parse(stdout)).toMatchObject({
      server: {
        restPort: { value: 1234, from: 'server file', file },
        workers: { value: 2, from: 'flag' },
        host: { value: '127.0.0.1', from: 'default' },
        modelBasePath: { value: join(dirname(file), 'models'), from: 'server file' },
      },
      models: {
        sum: {
          versionPolicy: { value: { latest: { count: 1 } }, from: 'default' },
          inline: { value: 'never', from: 'flag' },
          intraOpNumThreads: { value: 1, from: 'server file', file },
          concurrency: { value: 3, from: 'model file', file: own },
          batching: { value: { maxBatchSize: 8, maxDelayMs: 0.5 }, from: 'model file', file: own },
        },
      },
    });
  });

  it('fails where the configuration is wrong', () => {
    const { status, stderr } = run('--config', configured({ workers: 0 }), '--print-config');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/workers: expected to be >= 1, got 0/) as unknown,
    });
  });
});

describe('a wrong command line', () => {
  it.each([
    [['models'], /a command is missing/],
    [['models', 'dance'], /there is no command 'dance'/],
    [['models', 'pin'], /pin: the name of a model is missing/],
    [['models', 'pin', 'sum'], /pin: see --help/],
    [['models', 'canary', 'sum', '1', 'half'], /PERCENT: expected a number, got 'half'/],
    [['models', 'list', '--none'], /--none/],
  ])('%j is one', (args, expected) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(expected);
  });

  it('is none where the server does not answer', () => {
    const { status, stderr } = run('models', 'list', '--server', 'http://127.0.0.1:1');
    expect(status).toBe(1);
    expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:1 does not answer: .*--management-port/);
  });
});

it('has schemas without an address that nobody answers at', () => {
  const schemas = join(root, 'server/schemas');
  for (const name of readdirSync(schemas)) {
    const schema = JSON.parse(readFileSync(join(schemas, name), 'utf8')) as Record<string, unknown>;
    expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema['$id']).toBeUndefined();
  }
});
