// Configurations that are read again: models that move under load, and what holds meanwhile.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createServer, type ModelServer } from '@onlite/server';
import { afterEach, expect, it } from 'vitest';

import { call, json } from './support';
import { adds, addVersion, answered, ask, temporaryFolder } from './versions-support';

const folder = temporaryFolder();
const file = join(folder, 'server.json');
const stateFile = join(folder, 'state.json');
const configure = (config: object) =>
  writeFileSync(file, JSON.stringify({ pollSeconds: 0.1, ...config }));
const at = (path: string) => ({ models: { model: { path } } });

let server: ModelServer;
afterEach(() => server.close());

async function started(config: object): Promise<number> {
  configure(config);
  server = createServer({ stateFile });
  await server.configure({ file });
  return (await server.listen(0)).port;
}

it('serves a model that moves between folders and files under load', async () => {
  for (const [name, number] of [
    ['a', 1],
    ['b', 2],
    ['d', 4],
    ['base/model', 5],
    ['other/model', 6],
  ] as const) {
    addVersion(join(folder, name), 1, { 'model.onnx': adds(number) });
  }
  writeFileSync(join(folder, 'c.onnx'), adds(3));
  // Old enough to be served at once.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const port = await started(at('a'));
  const failures: string[] = [];
  let isEnding = false;
  const asking = Array.from({ length: 3 }, async () => {
    while (!isEnding) {
      const { status, text } = await ask(port);
      if (status !== 200) failures.push(`${status} ${text}`);
    }
  });
  const move = async (config: object, answer: number) => {
    configure(config);
    await server.reload();
    await expect.poll(() => answered(port)).toBe(answer);
    await expect.poll(() => server.models.versions('model')).toHaveLength(1);
    expect(await answered(port)).toBe(answer);
  };
  await move(at('b'), 2);
  await move(at('c.onnx'), 3);
  await move(at('d'), 4);
  await move({ modelBasePath: 'base' }, 5);
  await move({ modelBasePath: 'other' }, 6);
  await move(at('c.onnx'), 3);
  // One that is written only now is not served at its first look.
  mkdirSync(join(folder, 'e/7'), { recursive: true });
  writeFileSync(join(folder, 'e/7/model.onnx'), adds(7));
  await move(at('e'), 7);
  await move(at('a'), 1);
  // What is broken where it is to be from now on leaves it where it was.
  mkdirSync(join(folder, 'broken/1'), { recursive: true });
  writeFileSync(join(folder, 'broken/1/model.onnx'), 'broken');
  await move(at('broken'), 1);
  await move(at('b'), 2);
  isEnding = true;
  await Promise.all(asking);
  expect(failures).toEqual([]);
  configure({});
  await server.reload();
  await expect.poll(() => server.models.names).toEqual([]);
});

it('keeps a file unloaded over a restart', async () => {
  writeFileSync(join(folder, 'kept.onnx'), adds(1));
  await started(at('kept.onnx'));
  await server.manager.unload('model');
  await server.close();
  const port = await started(at('kept.onnx'));
  expect(server.manager.describe('model')).toMatchObject({
    isUnloaded: true,
    versions: [{ version: '1', state: 'UNLOADED' }],
  });
  await server.manager.load('model');
  expect(await answered(port)).toBe(1);
  await server.manager.reset('model');
});

it('tries broken versions again after longer and longer times alone', async () => {
  for (const version of [1, 2]) {
    addVersion(join(folder, 'wrong/model'), version, { 'model.onnx': 'broken' });
  }
  const told: string[] = [];
  server = createServer();
  await server.addFolder(join(folder, 'wrong'), {
    pollMs: 30,
    onChange: ({ version, event }) => told.push(`${version} ${event}`),
  });
  await expect.poll(() => told.length).toBeGreaterThanOrEqual(2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(told).toEqual(['2 failed', '1 failed']);
});

it('shows what holds until a restart', async () => {
  await started({ maxBodyBytes: 1000, workers: 1 });
  const { port } = await server.listenManagement(0);
  configure({ maxBodyBytes: 2000, stateFile: 'other.json', pollSeconds: 7 });
  expect((await server.reload()).needsRestart).toEqual(['maxBodyBytes', 'stateFile']);
  const shown = json(await call(port, '/manage/config'));
  expect(shown).toMatchObject({ maxBodyBytes: { value: 1000 }, pollSeconds: { value: 7 } });
  expect(shown).not.toHaveProperty('stateFile');
});
