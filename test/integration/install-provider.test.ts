import { execFile, spawnSync, type PromiseWithChild } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { runtimeInfo } from 'onlite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { fixture, root } from './support';

interface Printed {
  stdout: string;
  stderr: string;
}

const execute = promisify(execFile);
const platform = `${process.platform}-${process.arch}`;
const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

let data: string;
beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), 'onlite-data-'));
});
afterAll(() => {
  rmSync(data, { recursive: true });
});

interface Answer {
  code: number;
  json: Record<string, unknown>;
}

/** The exit code of a command and what it printed as JSON. */
async function answerOf(running: PromiseWithChild<{ stdout: string }>): Promise<Answer> {
  const { code, stdout } = await running.then(
    (done) => ({ ...done, code: 0 }),
    (error: unknown) => error as { code: number; stdout: string },
  );
  return { code, json: JSON.parse(stdout) as Record<string, unknown> };
}

function start(args: string[], environment: NodeJS.ProcessEnv = {}): PromiseWithChild<Printed> {
  const command = [join(root, 'dist/cli/main.js'), ...args, '--json'];
  const env = { ...process.env, ONLITE_DATA_PATH: data, ...environment };
  return execute(process.execPath, command, { env });
}

const onlite = (...args: string[]): Promise<Answer> => answerOf(start(args));

/** What useProvider does in a process of its own: the number of devices, or the error. */
async function used(
  name: string,
  before = '',
  environment: NodeJS.ProcessEnv = {},
): Promise<unknown> {
  const script = `
    const { useProvider, runtimeInfo } = require(${JSON.stringify(root)});
    ${before}
    useProvider(${JSON.stringify(name)}).then(
      (devices) => [devices.length],
      ({ code, message, cause }) => [code, message, String(cause)],
    ).then((result) => console.log(JSON.stringify(result)));
  `;
  const env = { ...process.env, ONLITE_DATA_PATH: data, ...environment };
  const { stdout } = await execute(process.execPath, ['-e', script], { env, cwd: tmpdir() });
  return JSON.parse(stdout) as unknown;
}

describe('onlite install', () => {
  it('knows its providers, and refuses what is no command', async () => {
    expect(await onlite('install', 'rocket')).toMatchObject({
      code: 2,
      json: { error: { message: /webgpu, openvino, cuda/ } },
    });
    expect((await onlite('install')).code).toBe(2);
    expect((await onlite('install', 'webgpu', 'more')).code).toBe(2);
    expect((await onlite('install', 'webgpu', '--dry-run', '--remove')).code).toBe(2);
  });

  it.runIf(platform === 'linux-x64')('tells beforehand what it would do', async () => {
    for (const name of ['webgpu', 'openvino', 'cuda']) {
      const { code, json } = await onlite('install', name, '--dry-run');
      const { missing, bytes, installed } = json as { missing: object[]; bytes: number } & object &
        Record<string, unknown>;
      expect(code).toBe(missing.length === 0 ? 0 : 1);
      expect(bytes).toBeGreaterThan(5e6);
      expect(installed).toBe(false);
      // And does the same without --force where something is missing.
      if (code === 0) continue;
      expect(await onlite('install', name)).toMatchObject({
        code: 1,
        json: { error: { code: 'ERR_PROVIDER_UNAVAILABLE', message: /--force/ } },
      });
    }
    expect(readdirSync(data)).toEqual([]);
  });

  it.runIf(hasPip && process.platform === 'linux')(
    'brings a provider that useProvider loads, and takes it away',
    async () => {
      expect(await used('webgpu')).toEqual([
        'ERR_PROVIDER_UNAVAILABLE',
        expect.stringContaining('npx onlite install webgpu') as string,
        'undefined',
      ]);
      // One process is not in another's way.
      const force = ['install', 'webgpu', '--force'];
      for (const first of await Promise.all([onlite(...force), onlite(...force)])) {
        expect(first).toMatchObject({ code: 0, json: { installed: true, wasThere: false } });
      }
      expect(readdirSync(join(data, 'providers/webgpu'))).not.toContain('requirements.txt');
      expect(await onlite('install', 'webgpu', '--dry-run')).toMatchObject({
        json: { installed: false, wasThere: true },
      });
      expect(await onlite('install', 'webgpu')).toMatchObject({ json: { wasThere: true } });
      expect(readdirSync(join(data, 'providers'))).toEqual(['webgpu']);
      const [devices] = (await used('webgpu')) as [number];
      expect(devices).toBeGreaterThan(0);
      expect(await onlite('install', 'webgpu', '--remove')).toMatchObject({
        json: { removed: true },
      });
      expect(await onlite('install', 'webgpu', '--remove')).toMatchObject({
        json: { removed: false },
      });
      expect(readdirSync(join(data, 'providers'))).toEqual([]);
    },
  );
});

describe.runIf(platform === 'linux-x64')('onlite install, where it cannot,', () => {
  it('says that there is no pip', async () => {
    const answer = await answerOf(start(['install', 'webgpu', '--force'], { PATH: data }));
    expect(answer).toMatchObject({
      code: 1,
      json: { error: { code: 'ERR_PROVIDER_UNAVAILABLE', message: /no Python 3 with pip/ } },
    });
    expect(readdirSync(join(data, 'providers'))).toEqual([]);
    const dry = await answerOf(start(['install', 'webgpu', '--dry-run'], { PATH: data }));
    expect(dry).toMatchObject({
      code: 1,
      json: {
        missing: expect.arrayContaining([
          expect.objectContaining({
            problem: expect.stringContaining('no Python 3 with pip') as string,
            remedy: expect.stringContaining('python3-pip') as string,
          }),
        ]) as object[],
      },
    });
  });

  it('says why the folder cannot be written', async () => {
    const file = join(data, 'a file');
    writeFileSync(file, '');
    for (const folder of [file, '/proc/onlite']) {
      const environment = { ONLITE_DATA_PATH: folder };
      expect(await answerOf(start(['install', 'webgpu', '--force'], environment))).toMatchObject({
        code: 1,
        json: {
          error: { code: 'ERR_PROVIDER_UNAVAILABLE', message: /cannot install 'webgpu' in .*: E/ },
        },
      });
      expect(await answerOf(start(['install', 'webgpu', '--remove'], environment))).toMatchObject({
        json: { removed: false },
      });
    }
  });

  it.runIf(hasPip)('is ended by a signal, and leaves nothing', async () => {
    const providers = join(data, 'providers');
    const running = start(['install', 'webgpu', '--force']);
    const answer = answerOf(running);
    // pip is at work once it has temporary files.
    const isAtWork = (): boolean =>
      readdirSync(providers, { recursive: true }).some((path) =>
        /temporary.pip/.test(String(path)),
      );
    await vi.waitUntil(isAtWork, { timeout: 60_000, interval: 5 });
    running.child.kill('SIGTERM');
    expect(await answer).toMatchObject({
      code: 1,
      json: { error: { code: 'ERR_CANCELLED', message: /SIGTERM/ } },
    });
    expect(readdirSync(providers)).toEqual([]);
  });

  it('removes what a killed installation has left, and follows no links', async () => {
    const providers = join(data, 'providers');
    const kept = join(data, 'kept');
    mkdirSync(kept);
    symlinkSync(kept, join(providers, 'webgpu'));
    mkdirSync(join(providers, '.install-webgpu-x'));
    mkdirSync(join(providers, '.install-cuda-x'));
    expect(await onlite('install', 'webgpu', '--remove')).toMatchObject({
      json: { removed: true },
    });
    expect(readdirSync(providers)).toEqual(['.install-cuda-x']);
    expect(existsSync(kept)).toBe(true);
    rmSync(join(providers, '.install-cuda-x'), { recursive: true });
  });
});

/** Puts a provider where `onlite install` does. */
function install(name: string, manifest: unknown): void {
  const folder = join(data, 'providers', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'library.so'), 'no library');
  writeFileSync(
    join(folder, 'provider.json'),
    typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
  );
}

const addition = fixture('add4.onnx');
const own = { version: '1', kind: 'runtime', library: 'library.so', dependencies: [] };

/** As `own`, with the ONNX Runtime that is used without it. @returns its file */
function installRuntime(name: string): string {
  install(name, own);
  const { path = '' } = runtimeInfo({ load: true }).runtimes.onnxruntime;
  const file = join(data, 'providers', name, own.library);
  copyFileSync(path, file);
  return file;
}

describe('useProvider', () => {
  it('is told apart from paths', async () => {
    for (const name of ['../webgpu', '', 'WebGPU', '/x.so']) {
      expect(await used(name)).toContain('ERR_INVALID_ARGUMENT');
    }
  });

  it('says that what is there cannot be used', async () => {
    for (const manifest of [
      '{',
      '[]',
      'null',
      { ...own, kind: 'x' },
      { ...own, library: 1 },
      { ...own, dependencies: 'ab' },
      // What is not the provider's own file.
      { ...own, library: '../../x.so' },
      { ...own, library: '/x.so' },
      { ...own, kind: 'plugin', library: 'a/../../x.so' },
      { ...own, dependencies: ['C:x.dll'] },
    ]) {
      install('broken', manifest);
      expect(await used('broken')).toEqual([
        'ERR_PROVIDER_UNAVAILABLE',
        expect.stringContaining('onlite install broken --force') as string,
        expect.any(String) as string,
      ]);
    }
    for (const manifest of [
      own,
      { ...own, kind: 'plugin' },
      { ...own, dependencies: ['none.so', 'library.so'] },
    ]) {
      install('broken', manifest);
      expect(await used('broken')).toEqual([
        'ERR_PROVIDER_UNAVAILABLE',
        expect.any(String) as string,
        expect.stringMatching(/library\.so|none\.so/) as string,
      ]);
    }
  });

  it.runIf(process.platform === 'linux')('finds the folder by the environment', async () => {
    const unset = { ONLITE_DATA_PATH: '', XDG_DATA_HOME: '', HOME: '/home/me' };
    for (const [environment, folder] of [
      [{ ONLITE_DATA_PATH: 'relative' }, join(tmpdir(), 'relative')],
      [unset, '/home/me/.local/share/onlite'],
      [{ ...unset, XDG_DATA_HOME: 'relative' }, '/home/me/.local/share/onlite'],
      [{ ...unset, XDG_DATA_HOME: '/data' }, '/data/onlite'],
    ] as const) {
      const [code, message] = (await used('webgpu', '', environment)) as [string, string];
      expect(code).toBe('ERR_PROVIDER_UNAVAILABLE');
      expect(message).toContain(`not installed in ${folder}/providers;`);
    }
    const polluted =
      'Object.prototype.ONLITE_DATA_PATH = "/evil"; delete process.env.ONLITE_DATA_PATH;';
    expect(String(await used('webgpu', polluted, { HOME: '/home/me' }))).not.toContain('evil');
  });

  it('refuses a second ONNX Runtime that is loaded meanwhile', async () => {
    const library = installRuntime('own');
    const script = `
      const { registerProviderLibrary, runtimeInfo, useProvider } = require(${JSON.stringify(root)});
      registerProviderLibrary('/none.so').catch(() => {});
      useProvider('own').then(() => runtimeInfo().runtimes.onnxruntime.path, ({ code }) => code)
        .then((result) => console.log(result));
    `;
    const env = { ...process.env, ONLITE_DATA_PATH: data };
    const { stdout } = await execute(process.execPath, ['-e', script], { env });
    expect(['ERR_UNSUPPORTED', library]).toContain(stdout.trim());
  });

  it('refuses a second ONNX Runtime', async () => {
    install('own', own);
    expect(await used('own', 'runtimeInfo({ load: true });')).toEqual([
      'ERR_UNSUPPORTED',
      expect.stringContaining('is loaded already') as string,
      'undefined',
    ]);
  });
});

describe.each([
  ['run', '--input', 'random'],
  ['compare', '--no-speed', addition],
  ['bench', '--duration', '0.1', '--processes', '1'],
])('onlite %s --provider', (command, ...options) => {
  const args = [command, addition, ...options];
  const seen = (): string => join(data, 'loaded.txt');
  /** Notes the ONNX Runtime that each process has loaded. */
  const watched = (): NodeJS.ProcessEnv => {
    const file = join(data, 'watch.cjs');
    const info = `require(${JSON.stringify(root)}).runtimeInfo().runtimes.onnxruntime`;
    const note = `path && require('fs').appendFileSync(${JSON.stringify(seen())}, path + '\\n')`;
    writeFileSync(file, `process.on('exit', () => { const { path } = ${info}; ${note}; });`);
    return { NODE_OPTIONS: `--require ${file}` };
  };
  const loadedBy = async (name: string, environment: NodeJS.ProcessEnv = {}): Promise<string[]> => {
    rmSync(seen(), { force: true });
    const running = start([...args, '--provider', name], { ...watched(), ...environment });
    expect((await answerOf(running)).code).toBe(0);
    return readFileSync(seen(), 'utf8').trim().split('\n');
  };

  it('uses what is installed, unless ONLITE_ORT_PATH names another library', async () => {
    const library = installRuntime('cpu');
    const { path = '' } = runtimeInfo({ load: true }).runtimes.onnxruntime;
    try {
      expect(await loadedBy('cpu')).toContain(library);
      const given = await loadedBy('cpu', { ONLITE_ORT_PATH: path });
      expect(new Set(given)).toEqual(new Set([path]));
    } finally {
      rmSync(join(data, 'providers/cpu'), { recursive: true });
    }
    expect(new Set(await loadedBy('cpu'))).toEqual(new Set([path]));
  });

  it('says why an installed one cannot be used, and how to install one that is not', async () => {
    install('cuda', own);
    const error = async (provider = 'cuda'): Promise<unknown> => {
      const { code, json } = await answerOf(start([...args, '--provider', provider]));
      expect(code).toBe(1);
      const { settings: [setting] = [] } = json as { settings?: { failed: unknown }[] };
      return setting ? setting.failed : json['error'];
    };
    expect(await error()).toMatchObject({
      code: 'ERR_PROVIDER_UNAVAILABLE',
      message: /cannot load the provider 'cuda'/,
    });
    expect(await error('tensorrt')).toEqual(await error());
    rmSync(join(data, 'providers/cuda'), { recursive: true });
    expect(await error()).toMatchObject({
      code: 'ERR_PROVIDER_UNAVAILABLE',
      message: /npx onlite install cuda/,
    });
  });
});
