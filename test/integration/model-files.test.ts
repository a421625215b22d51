import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { InferenceSession, runtimeInfo } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fixture, root } from './support';

const execute = promisify(execFile);
const models = [fixture('add4.onnx'), fixture('add4.tflite')];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onlite-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a script prints as JSON; `onlite` and `models` are there, and the folder is its own. */
async function printed(script: string, limits = ''): Promise<unknown> {
  const prologue = `
    const onlite = require(${JSON.stringify(root)});
    const models = ${JSON.stringify(models)};
    const failure = (promise) => promise.then(() => 'none', ({ code, cause }) => [code, String(cause?.message)]);
  `;
  const whole = `${prologue}(async () => { ${script} })().then((out) => console.log(JSON.stringify(out)));`;
  const { stdout } = await execute(
    'sh',
    ['-c', `${limits} exec "$0" -e "$1"`, process.execPath, whole],
    { cwd: folder },
  );
  return JSON.parse(stdout.split('\n').at(-2) ?? '') as unknown;
}

describe.skipIf(process.platform === 'win32')('a model that cannot be read', () => {
  it.each([{}, { mmap: true }])('is not said to be missing (%o)', async (options) => {
    await symlink('loop.onnx', join(folder, 'loop.onnx')).catch(() => undefined);
    for (const path of [join(folder, 'loop.onnx'), join(folder, 'x'.repeat(300))]) {
      await expect(InferenceSession.create(path, options)).rejects.toMatchObject({
        code: 'ERR_MODEL_UNREADABLE',
        cause: { message: expect.stringMatching(/too (many|long)/i) as string },
      });
    }
    for (const path of [join(folder, 'none.onnx'), join(models[0]!, 'x.onnx'), folder]) {
      await expect(InferenceSession.create(path, options)).rejects.toMatchObject({
        code: 'ERR_MODEL_NOT_FOUND',
      });
    }
    const externalData = [{ path: 'x', data: join(folder, 'loop.onnx') }];
    await expect(
      InferenceSession.create(models[0]!, { ...options, externalData }),
    ).rejects.toMatchObject({ code: 'ERR_MODEL_UNREADABLE' });
  });

  it.each([
    ['', ''],
    [', where the addon was named', `export ONLITE_ADDON_PATH='${runtimeInfo().addon}';`],
  ])('for want of file descriptors is found when there are some again%s', async (_, variable) => {
    const script = `
      const { openSync, closeSync } = require('node:fs');
      onlite.runtimeInfo(); // the addon itself
      const held = [];
      const use = () => { try { for (;;) held.push(openSync('/dev/null')); } catch {} };
      const free = () => { for (const file of held.splice(0)) closeSync(file); };
      const out = [];
      for (const model of models) {
        use();
        out.push(await failure(onlite.InferenceSession.create(model)));
        out.push(await failure(onlite.InferenceSession.create(model, { mmap: true })));
        const { loaded } = onlite.runtimeInfo({ load: true }).runtimes.tflite;
        free();
        out.push(await failure(onlite.InferenceSession.create(model)));
      }
      return out;
    `;
    const full = ['ERR_MODEL_UNREADABLE', 'Too many open files'];
    expect(await printed(script, `ulimit -n 80; ${variable}`)).toEqual([
      ...[full, full, 'none'],
      ...[full, full, 'none'],
    ]);
  });
});

it.skipIf(process.platform === 'win32')('means the paths of the call', async () => {
  for (const model of models) {
    await symlink(model, join(folder, `relative-${model.split('.').at(-1)}`));
  }
  await writeFile(join(folder, 'data.bin'), 'x');
  const script = `
    const names = ['relative-onnx', 'relative-tflite'];
    const before = process.cwd();
    const made = names.map((name) => onlite.InferenceSession.create(name, {
      externalData: name.endsWith('onnx') ? ['data.bin', { path: 'y', data: './data.bin' }] : undefined,
      optimizedModelFilePath: name.endsWith('onnx') ? 'optimised.onnx' : undefined,
      enableProfiling: true,
      profileFilePrefix: 'profile_',
    }));
    process.chdir('/');
    const sessions = await Promise.all(made);
    sessions[0].endProfiling();
    return sessions.map(({ engine }) => engine);
  `;
  expect(await printed(script)).toEqual(['onnxruntime', 'tflite']);
  const files = await readdir(folder);
  expect(files).toContain('optimised.onnx');
  expect(files.filter((name) => name.startsWith('profile_'))).toHaveLength(1);
});

it.skipIf(process.platform === 'win32')('takes nothing from a polluted prototype', async () => {
  const before = await readdir(folder);
  const script = `
    const { readFileSync } = require('node:fs');
    onlite.runtimeInfo(); // loads the addon, for which Node itself does not bear this
    const bytes = models.map((model) => readFileSync(model));
    const poison = {
      path: models[0], profilePrefix: 'poison_', optimizedModelFilePath: 'poison.onnx', mmap: true,
      enableProfiling: true, profileFilePrefix: 'poison_', externalData: [['x', 1]], bytes: 1,
      signature: 7, tag: 'x', configEntries: [['session.x', 1]], batching: { maxBatchSize: 4 },
      maxBatchSize: 4, concurrency: 3, warmUp: true, customOps: ['/none.so'], logId: 'x',
      onnxruntime: '/none.so', tflite: '/none.so', timeoutMs: 0, pool: 1,
      ONLITE_ORT_PATH: '/none.so', ONLITE_TFLITE_PATH: '/none.so',
    };
    for (const [key, value] of Object.entries(poison)) {
      Object.defineProperty(Object.prototype, key, { value, configurable: true, writable: true });
    }
    const out = [];
    const options = Object.create({ profileFilePrefix: 'poison_', enableProfiling: true });
    for (const model of [...models, ...bytes]) {
      const session = await onlite.InferenceSession.create(model, options);
      const feeds = Object.fromEntries(session.inputNames.map((name) => [
        name, new onlite.Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]),
      ]));
      const results = [
        await session.run(feeds), await session.run(feeds, {}), session.runSync(feeds),
        await session.run(feeds, Object.create({ tag: 'y' })), await session.run(feeds, { tag: 'z' }),
      ];
      // Options that are left out are none at all.
      const bare = await onlite.InferenceSession.create(model);
      results.push(await bare.run(feeds, bare.outputNames, {}));
      out.push(bare.concurrency, bare.name === 'x');
      await bare.release();
      for (const result of results) out.push([...result[session.outputNames[0]].data].join());
      out.push(session.concurrency);
      await session.release();
    }
    for (const key of Object.keys(poison)) delete Object.prototype[key];
    return out;
  `;
  const each = [1, false, ...Array.from({ length: 6 }, () => '2,4,6,8'), 1];
  expect(await printed(script)).toEqual(models.flatMap(() => [...each, ...each]));
  expect(await readdir(folder)).toEqual(before);
});
