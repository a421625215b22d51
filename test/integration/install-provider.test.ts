import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from './support';

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

/** A command's exit code and what it printed as JSON. */
async function onlite(...args: string[]): Promise<{ code: number; json: Record<string, unknown> }> {
  const command = [join(root, 'dist/cli/main.js'), ...args, '--json'];
  const env = { ...process.env, ONLITE_DATA_PATH: data };
  const { code, stdout } = await execute(process.execPath, command, { env }).then(
    (done) => ({ ...done, code: 0 }),
    (error: unknown) => error as { code: number; stdout: string },
  );
  return { code, json: JSON.parse(stdout) as Record<string, unknown> };
}

/** What useProvider does in a process of its own: the number of devices, or the error. */
async function used(name: string, before = ''): Promise<unknown> {
  const script = `
    const { useProvider, runtimeInfo } = require(${JSON.stringify(root)});
    ${before}
    useProvider(${JSON.stringify(name)}).then(
      (devices) => [devices.length],
      ({ code, message, cause }) => [code, message, String(cause)],
    ).then((result) => console.log(JSON.stringify(result)));
  `;
  const env = { ...process.env, ONLITE_DATA_PATH: data };
  const { stdout } = await execute(process.execPath, ['-e', script], { env });
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
      const first = await onlite('install', 'webgpu', '--force');
      expect(first).toMatchObject({ code: 0, json: { installed: true, wasThere: false } });
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

describe('useProvider', () => {
  const install = (name: string, manifest: unknown): void => {
    const folder = join(data, 'providers', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'library.so'), 'no library');
    writeFileSync(
      join(folder, 'provider.json'),
      typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
    );
  };
  const own = { version: '1', kind: 'runtime', library: 'library.so', dependencies: [] };

  it('is told apart from paths', async () => {
    for (const name of ['../webgpu', '', 'WebGPU', '/x.so']) {
      expect(await used(name)).toContain('ERR_INVALID_ARGUMENT');
    }
  });

  it('says that what is there cannot be used', async () => {
    for (const manifest of ['{', '[]', 'null', { ...own, kind: 'x' }, { ...own, library: 1 }]) {
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

  it('refuses a second ONNX Runtime', async () => {
    install('own', own);
    expect(await used('own', 'runtimeInfo({ load: true });')).toEqual([
      'ERR_UNSUPPORTED',
      expect.stringContaining('is loaded already') as string,
      'undefined',
    ]);
  });
});
