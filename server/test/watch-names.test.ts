// Tensors and models that are called as what JavaScript's objects or folders have already are recorded like others.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { createServer } from '@onlite/server';

import { encodeOnnx, float32 } from '../../test/integration/onnx-encoder';
import { call, fixture, post } from './support';
import { temporaryFolder } from './versions-support';
import { logged } from './watch-support';

const folder = temporaryFolder();

it.each(process.platform === 'linux' ? [1, 3] : [1])(
  'a model whose tensors are __proto__ and constructor is watched, with %i threads',
  async (workers) => {
    const file = join(folder, 'model.onnx');
    const model = encodeOnnx({
      inputs: [{ name: '__proto__', type: float32, dims: ['n'] }],
      outputs: [{ name: 'constructor', type: float32, dims: ['n'] }],
      nodes: [{ op: 'Neg', inputs: ['__proto__'], outputs: ['constructor'] }],
    });
    writeFileSync(file, model);
    const log = join(folder, String(workers));
    const server = createServer({ workers });
    const watch = { sample: 1, log: { folder: log } };
    await server.load({ name: 'm', version: '1', file, serving: { watch } });
    const { port } = await server.listen(0);
    const inputs = [{ name: '__proto__', shape: [1], datatype: 'FP32', data: [4] }];
    const ids = Array.from({ length: 12 }, (_, index) => `r${index}`);
    for (const id of ids) {
      const asked = post({ id, inputs }, { connection: 'close' });
      expect(await call(port, '/v2/models/m/infer', asked)).toMatchObject({ status: 200 });
    }
    await server.close();
    const rows = logged(log, 'm');
    expect(rows.map(({ requestId }) => requestId).sort()).toEqual([...ids].sort());
    for (const { features, prediction } of rows) {
      expect([Object.entries(features), prediction]).toEqual([[['__proto__', 4]], -4]);
    }
  },
);

it('a model that a program calls .. has its labels below their folder', async () => {
  const labels = join(temporaryFolder(), 'above', 'labels');
  const server = createServer();
  const watch = { sample: 1, labels: { folder: labels } };
  const file = fixture('identity_float32.onnx');
  await server.load({ name: '..', version: '..', file, serving: { watch } });
  await server.load({ name: 'a/b', version: '../c', file, serving: { watch } });
  await server.close();
  expect(readdirSync(join(labels, '..'))).toEqual(['labels']);
  expect(readdirSync(labels).sort()).toEqual(['%2E%2E', 'a%2Fb']);
  expect(readdirSync(join(labels, '%2E%2E'))).toEqual(['%2E%2E']);
  expect(readdirSync(join(labels, 'a%2Fb'))).toEqual(['..%2Fc']);
});
