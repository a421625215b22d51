// What the server's configuration and those of models may have, and where what holds comes from.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
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
        watch: {
          sample: 0.5,
          features: { names: { x: ['age'] }, maxElements: 10 },
          prediction: { output: 'y', task: 'regression' },
          log: { folder: 'log', maxBytes: 1000, redact: { rules: { '*': 'round' } } },
          drift: { window: 10, minRows: 5, method: { age: 'ks' }, threshold: 0.1 },
          labels: { folder: 'labels', maxPending: 10, maxAgeMs: 1000 },
          qualityWindow: 100,
          confidence: 0.9,
        },
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

describe('--check of what the command line names', () => {
  const model = fixture('add4.onnx');
  let made = 0;
  const file = (name: string, content: string): string => {
    const path = join(folder, `${made++}-${name}`);
    writeFileSync(path, content);
    return path;
  };
  const hash = `sha256:${'0'.repeat(64)}`;
  const key = (more: object) => JSON.stringify({ keys: [{ id: 'a', hash, scopes: [], ...more }] });
  const keys = (content: string) => ['--api-keys', file('keys.json', content)];
  const jwks = (content: string) => {
    const more = ['--jwt-issuer', 'https://issuer.example', '--jwt-audience', 'models'];
    return ['--jwks', file('jwks.json', content), ...more];
  };
  const cert = () => ['--tls-cert', file('cert.pem', 'x'), '--tls-key', file('key.pem', 'x')];

  it('is content with files that are right', () => {
    const right = [...keys(key({ scopes: ['infer:a*', 'monitor'] })), ...jwks('{"keys":[]}')];
    expect(run(model, ...right, '--check')).toMatchObject({
      stdout: 'nothing is wrong\n',
      status: 0,
    });
  });

  it.each([
    [keys('{'), /keys\.json: is no JSON/],
    [keys('[]'), /keys\.json: expected object/],
    [
      keys(key({ scopes: ['infer', 'dance'] })),
      /keys\.json: keys\[0\]\.scopes\[1\]: expected to match/,
    ],
    [keys(key({ hash: 'open' })), /keys\.json: keys\[0\]\.hash: expected to match/],
    [keys(key({ secret: 1 })), /keys\.json: keys\[0\]\.secret: is not known/],
    [keys(key({ expires: 'tomorrow' })), /--api-keys: keys\[0\]\.expires/],
    [jwks('{}'), /--jwks: jwks: expected a key set/],
    [cert(), /--tls-cert: /],
    [['--trusted-key', file('trusted.pem', 'x')], /--trusted-key: /],
    [['--key-file', file('short.key', 'x')], /--key-file: .*expected a key of 32 bytes/],
    [['--key-env', 'ONLITE_NO_SUCH'], /--key-env: .*ONLITE_NO_SUCH is not set/],
  ])('says what is wrong with %j', (args, said) => {
    const { stdout, status } = run(model, ...args, '--check');
    expect({ stdout, status }).toEqual({
      stdout: expect.stringMatching(said) as string,
      status: 1,
    });
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    [['--access-log', '2'], /--access-log: expected a number from 0 to 1/],
    [['--log-level', 'loud'], /--log-level: expected debug, info, warn, error, silent, got 'loud'/],
    [['--metrics-names', 'none'], /--metrics-names: expected onlite, triton, both/],
  ])('refuses %j', (args, said) => {
    expect(run(model, ...args)).toMatchObject({
      stderr: expect.stringMatching(said) as string,
      status: 2,
    });
  });

  it('is shown by --print-config, by the names of files', () => {
    const named = keys(key({}));
    const args = [...named, '--drain-delay-seconds', '3', '--access-log', '0.5'];
    const { stdout } = run(model, ...args, '--print-config');
    expect(JSON.parse(stdout)).toMatchObject({
      server: {
        accessLog: { value: 0.5, from: 'flag' },
        logLevel: { value: 'info', from: 'default' },
      },
      security: { 'api-keys': { value: named[1], from: 'flag' } },
      drain: {
        delaySeconds: { value: 3, from: 'flag' },
        graceSeconds: { value: 25, from: 'default' },
      },
    });
    expect(stdout).not.toContain(hash);
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

  it('says nothing that is secret of the events', () => {
    const events = {
      url: 'https://user:a-secret@collector/path',
      headers: { Authorization: 'Bearer a-secret' },
    };
    const file = configured({ defaults: { watch: { events } } });
    const { stdout, status } = run('--config', file, '--print-config');
    expect(status).toBe(0);
    expect(stdout).not.toContain('secret');
    const shown = { url: 'https://…@collector/path', headers: { Authorization: '…' } };
    expect(JSON.parse(stdout)).toMatchObject({
      models: { sum: { watch: { value: { events: shown }, from: 'server file' } } },
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
