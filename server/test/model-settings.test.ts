// Settings of config.json that requests or sessions have to do with.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createServer, type ModelServer } from '@onlite/server';
import { InferenceSession } from 'onlite';
import { afterEach, expect, it, vi } from 'vitest';

import { call, fixture, json, post } from './support';
import { addVersion, adds, answered, temporaryFolder } from './versions-support';

const folder = temporaryFolder();
let made = 0;
let server: ModelServer;
let port: number;
afterEach(() => server.close());

async function started(config: object, files: Record<string, string | Uint8Array>): Promise<void> {
  const base = join(folder, String(made++));
  addVersion(join(base, 'model'), 1, files);
  writeFileSync(join(base, 'model/config.json'), JSON.stringify(config));
  server = createServer();
  // Looks are made by hand.
  await server.addFolder(base, { pollMs: 20 });
  await expect.poll(() => server.models.isReady).toBe(true);
  ({ port } = await server.listen(0));
}

it.each([
  [['cat', 'dog', 'mouse'], {}],
  ['labels.txt', { 'labels.txt': 'cat\r\ndog\r\nmouse\r\n' }],
])('has labels of classes: %j', async (classLabels, files) => {
  const model = readFileSync(fixture('identity_float32.onnx'));
  await started({ classLabels }, { 'model.onnx': model, ...files });
  const body = post({ examples: [{ x: [1, 2, 3] }, { x: [4, 5, 6] }] });
  const reply = await call(port, '/v1/models/model:classify', body);
  expect(json(reply)).toEqual({
    results: [
      [
        ['cat', 1],
        ['dog', 2],
        ['mouse', 3],
      ],
      [
        ['cat', 4],
        ['dog', 5],
        ['mouse', 6],
      ],
    ],
  });
});

it('has another default signature', async () => {
  const model = readFileSync(fixture('signatures.tflite'));
  await started({}, { 'model.tflite': model });
  const names = [...server.models.find('model').signatures.keys()];
  const other = names.find((name) => name !== server.models.find('model').signature().name);
  await server.close();
  await started({ signatures: { default: other } }, { 'model.tflite': model });
  expect(server.models.find('model').signature().name).toBe(other);
});

it("takes TensorFlow Serving's names of batching", async () => {
  await started(
    { batching: { max_batch_size: 4, batch_timeout_micros: 200_000, num_batch_threads: 2 } },
    { 'model.onnx': adds(1) },
  );
  const { session } = server.models.find('model');
  expect(session.concurrency).toBe(2);
  const answers = await Promise.all(Array.from({ length: 8 }, () => answered(port)));
  expect(answers).toEqual(Array(8).fill(1));
  // Those that came together were one run: how many did is up to the system.
  const sizes = Object.entries(session.latency.snapshot().batchSizes);
  expect(sizes.reduce((sum, [size, count]) => sum + Number(size) * count, 0)).toBe(8);
  expect(sizes.some(([size]) => Number(size) > 1)).toBe(true);
});

it.each([undefined, 'normal', 'low'] as const)(
  'loads beside a version that is served at low priority, unless it is told otherwise: %s',
  async (loadPriority) => {
    const create = vi.spyOn(InferenceSession, 'create');
    const asked = (): unknown[] =>
      create.mock.calls.map(([, options]) => (options as { loadPriority?: string }).loadPriority);
    server = createServer();
    const load = (name: string, version: string) =>
      server.load({
        name,
        version,
        file: fixture('identity_float32.onnx'),
        ...(loadPriority && { session: { loadPriority } }),
      });
    try {
      await load('model', '1');
      await load('other', '1');
      await load('model', '2');
      await load('model', '2');
      const first = loadPriority;
      const beside = loadPriority ?? 'low';
      expect(asked()).toEqual([first, first, beside, beside]);
      await server.models.unload('model', '1');
      await server.models.unload('model', '2');
      await load('model', '3');
      expect(asked().at(-1)).toBe(first);
    } finally {
      create.mockRestore();
    }
  },
);

it.each([
  [undefined, { latest: { num_versions: 1 } }],
  [{ latest: { count: 2 } }, { latest: { num_versions: 2 } }],
  [{ all: {} }, { all: {} }],
  [
    { specific: { versions: [1, '123456789012345678'] } },
    { specific: { versions: [1, '123456789012345678'] } },
  ],
])('tells which versions are served: %j', async (versionPolicy, told) => {
  await started({ ...(versionPolicy && { versionPolicy }) }, { 'model.onnx': adds(1) });
  const config = json(await call(port, '/v2/models/model/config'));
  expect(config).toMatchObject({ version_policy: told });
});
