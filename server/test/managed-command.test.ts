// The command with a configuration: SIGHUP, management by the command line, and a restart.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { call, fixture, listening, root } from './support';
import { adds, addVersion, answered, ask, temporaryFolder } from './versions-support';

const main = join(root, 'server/dist/cli/main.js');
const folder = temporaryFolder();
const configFile = join(folder, 'server.json');
const configure = (config: unknown) =>
  writeFileSync(configFile, typeof config === 'string' ? config : JSON.stringify(config));

let child: ChildProcess | undefined;
let errors = '';
afterEach(() => child?.kill('SIGKILL'));

async function started(
  ...args: string[]
): Promise<{ port: number; managementPort: number; grpcPort?: number }> {
  const process_ = spawn(process.execPath, [main, '--config', configFile, '--json', ...args]);
  child = process_;
  errors = '';
  process_.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  return listening(process_);
}

const ended = (): Promise<number | null> =>
  new Promise((resolve) => {
    child?.once('exit', resolve);
    child?.kill('SIGTERM');
  });

/** By either name of the command. */
const models = (managementPort: number, ...args: string[]) => {
  const url = `http://127.0.0.1:${managementPort}`;
  return spawnSync(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'models', ...args, '--server', url],
    { encoding: 'utf8' },
  );
};

describe.skipIf(process.platform === 'win32')('a configured server', () => {
  it('reads its configuration again, drops no request, and keeps what is right', async () => {
    for (const version of [1, 2]) {
      addVersion(join(folder, 'models/model'), version, { 'model.onnx': adds(version) });
    }
    // Old enough to be served at once.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const base = {
      ...{ restPort: 0, grpcPort: false, managementPort: 0, pollSeconds: 0 },
      modelBasePath: 'models',
      stateFile: 'state.json',
    };
    configure({ ...base, models: { sum: { path: fixture('add4.onnx') } } });
    const { port, managementPort, ...rest } = await started();
    expect(rest.grpcPort).toBeUndefined();
    expect(await answered(port)).toBe(2);
    let isEnding = false;
    const failures: string[] = [];
    const asking = Array.from({ length: 3 }, async () => {
      while (!isEnding) {
        const { status, text } = await ask(port);
        if (status !== 200) failures.push(text);
      }
    });
    const reload = async (config: unknown, said: RegExp) => {
      configure(config);
      errors = '';
      child?.kill('SIGHUP');
      await expect.poll(() => errors).toMatch(said);
    };
    // Another model, another version, other threads; one model less.
    await reload(
      {
        ...base,
        workers: 2,
        defaults: { concurrency: 2 },
        models: { model: { config: { pin: 1 } }, other: { path: fixture('add4.tflite') } },
      },
      /the configuration was read again; after a restart: workers/,
    );
    expect(await answered(port)).toBe(1);
    expect((await call(port, '/v2/models/other/ready')).status).toBe(200);
    await expect.poll(async () => (await call(port, '/v2/models/sum/ready')).status).toBe(404);
    await reload('{', /the configuration is not followed: .*server\.json: is no JSON/);
    await reload({ ...base, pollSeconds: -1 }, /not followed: .*pollSeconds: expected to be >= 0/);
    await reload(
      { ...base, models: { other: { path: 'absent.onnx' } } },
      /not followed: .*absent\.onnx/,
    );
    expect(await answered(port)).toBe(1);
    expect((await call(port, '/v2/models/other/ready')).status).toBe(200);
    configure(base);
    expect(models(managementPort, 'reload')).toMatchObject({ status: 0, stdout: 'reloaded\n' });
    expect(await answered(port)).toBe(2);
    isEnding = true;
    await Promise.all(asking);
    expect(failures).toEqual([]);
    expect(await ended()).toBe(0);
  });

  it('is managed by commands, and goes on so after a restart', async () => {
    configure({
      ...{ restPort: 0, grpcPort: false, pollSeconds: 0, modelBasePath: 'models' },
      defaults: { versionPolicy: { all: {} } },
      stateFile: 'state.json',
    });
    const { port, managementPort } = await started('--manage-port', '0');
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = models(managementPort, ...args);
      return { status, text: stdout + stderr };
    };
    expect(run('list').text).toBe('model\n  2      AVAILABLE  default\n  1      AVAILABLE\n');
    expect(run('canary', 'model', '2', '25', '--key-header', 'x-user').status).toBe(0);
    expect(run('label', 'model', 'stable', '1').text).toBe(
      'model\n  2      AVAILABLE  canary 25 %\n  1      AVAILABLE  default, stable\n',
    );
    expect(await answered(port)).toBe(1);
    expect(run('pin', 'model', '7')).toEqual({
      status: 1,
      text: "onlite-server: model 'model' has no version 7\n",
    });
    expect(run('rollback', 'model').status).toBe(1);
    expect(JSON.parse(run('list', '--json').text)).toMatchObject([
      { name: 'model', canary: { version: '2', percent: 25, key: { header: 'x-user' } } },
    ]);
    await ended();
    const again = await started('--management-port', '0');
    expect(models(again.managementPort, 'abort', 'model').stdout).toMatch(
      /^model\n +2 +UNLOAD(ED |ING) +disabled\n +1 +AVAILABLE +default, stable\n$/,
    );
    expect(await answered(again.port)).toBe(1);
    await ended();

    // What is no state is not taken for one.
    writeFileSync(join(folder, 'state.json'), '{"format": 2, "models": {}}');
    await expect(started()).rejects.toThrow(/state\.json: format: /);
  });
});
