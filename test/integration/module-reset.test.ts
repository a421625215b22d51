import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { fixture, root } from './support';

type Onlite = typeof import('onlite');

const execute = promisify(execFile);
const require = createRequire(import.meta.url);
const models = [fixture('add4.onnx'), fixture('add4.tflite')];

/** Requires the package's modules anew. */
function freshCopy(folder = root): Onlite {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(join(folder, 'dist'))) Reflect.deleteProperty(require.cache, file);
  }
  return require(folder) as Onlite;
}

/** What both models give, run by one copy on tensors of another. */
async function sums(copy: Onlite, tensors: Onlite = copy): Promise<unknown[]> {
  return Promise.all(
    models.map(async (model) => {
      const session = await copy.InferenceSession.create(model);
      const feeds = Object.fromEntries(
        session.inputNames.map((name) => [
          name,
          new tensors.Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]),
        ]),
      );
      const [name] = session.outputNames as [string];
      const many = await Promise.all(Array.from({ length: 20 }, () => session.run(feeds)));
      const sum = [...(session.runSync(feeds)[name]!.data as Float32Array)];
      for (const result of many) expect([...(result[name]!.data as Float32Array)]).toEqual(sum);
      await expect(session.run({})).rejects.toBeInstanceOf(copy.OnliteError);
      await session.release();
      return sum;
    }),
  );
}

const expected = models.map(() => [2, 4, 6, 8]);

describe('several copies of the modules in one environment', () => {
  afterEach(() => {
    vi.resetModules();
  });

  it('each works after the cache was emptied, all at once', async () => {
    const copies = [freshCopy(), freshCopy(), freshCopy()];
    expect(new Set(copies.map(({ InferenceSession }) => InferenceSession)).size).toBe(3);
    const results = await Promise.all(
      copies.flatMap((copy) => copies.map((tensors) => sums(copy, tensors))),
    );
    expect(results).toEqual(results.map(() => expected));
  });

  it('each works after vi.resetModules', async () => {
    const first = await import('onlite');
    vi.resetModules();
    const second = await import('onlite');
    expect(await Promise.all([sums(first), sums(second), sums(first, second)])).toEqual([
      expected,
      expected,
      expected,
    ]);
  });

  // The sanitized suite names one addon for all.
  const isNamed = process.env['ONLITE_ADDON_PATH'] !== undefined;
  it.skipIf(isNamed)('each works in a folder of its own', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'onlite-copy-'));
    try {
      for (const name of ['dist', 'package.json', join('build', 'Release', 'onlite.node')]) {
        await cp(join(root, name), join(folder, name), { recursive: true });
      }
      await mkdir(join(folder, 'node_modules'));
      for (const name of ['node-gyp-build', 'fflate', 'flatbuffers']) {
        await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
      }
      await symlink(join(root, 'runtimes'), join(folder, 'runtimes'));
      const copies = [freshCopy(), freshCopy(folder)] as const;
      const results = await Promise.all([
        sums(copies[0]),
        sums(copies[1]),
        sums(copies[0], copies[1]),
        sums(copies[1], copies[0]),
      ]);
      expect(results).toEqual(results.map(() => expected));
      expect(copies[1].runtimeInfo().addon).not.toBe(copies[0].runtimeInfo().addon);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('end the process as one does, in the middle of creations and runs', async () => {
    const script = `
      const root = ${JSON.stringify(root)};
      const models = ${JSON.stringify(models)};
      for (let copy = 0; copy < 20; copy++) {
        for (const file of Object.keys(require.cache)) delete require.cache[file];
        const { InferenceSession } = require(root);
        for (const model of models) InferenceSession.create(model).catch(() => {});
      }
      process.on('warning', (warning) => console.log(String(warning)));
      setTimeout(() => process.exit(7), 20);
    `;
    const failed = await execute(process.execPath, ['-e', script]).catch(
      (error: unknown) => error as { code: number; stdout: string },
    );
    expect(failed).toMatchObject({ code: 7, stdout: '' });
  });
});

it('runs under Jest, in each test file and after each reset', async () => {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const rootDir = join(root, 'test', 'fixtures', 'jest');
  const { stderr } = await execute(
    process.execPath,
    ['--expose-gc', jest, '--runInBand', '--no-cache', '--rootDir', rootDir],
    { cwd: rootDir },
  );
  expect(stderr).toMatch(/Test Suites: +6 passed, 6 total/);
  expect(stderr).not.toContain('MaxListenersExceededWarning');
});
