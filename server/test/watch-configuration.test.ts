// How models are watched, as configurations say it.
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createServer } from '@onlite/server';

import { call, json, post } from './support';
import { addVersion, adds, temporaryFolder } from './versions-support';
import { logged } from './watch-support';

const folder = temporaryFolder();
let made = 0;
const newFolder = (): string => join(folder, String(made++));

describe('watch in configurations', () => {
  it('holds for all models by default, with a folder for each version', async () => {
    const base = newFolder();
    const models = join(base, 'models');
    addVersion(join(models, 'sum'), 1, { 'model.onnx': adds(1) });
    addVersion(join(models, 'sum'), 2, { 'model.onnx': adds(2) });
    addVersion(join(models, 'quiet'), 1, { 'model.onnx': adds(3) });
    writeFileSync(join(models, 'quiet', 'config.json'), JSON.stringify({ watch: false }));
    const config = { versionPolicy: { all: {} }, watch: { sample: 0.5 } };
    writeFileSync(join(models, 'sum', 'config.json'), JSON.stringify(config));
    const file = join(base, 'server.json');
    const defaults = { watch: { log: { folder: 'log' }, sample: 0.1 } };
    writeFileSync(file, JSON.stringify({ modelBasePath: 'models', defaults }));
    const server = createServer();
    await server.configure({ file, models: { watch: { sample: 1 } } });
    const { port } = await server.listen(0);
    for (const path of ['sum', 'sum/versions/1', 'quiet']) {
      await call(port, `/v1/models/${path}:predict`, post({ instances: [4] }));
    }
    await server.close();
    const log = join(base, 'log');
    expect(logged(log, 'sum', '1')).toMatchObject([{ features: { x: 4 }, prediction: 5 }]);
    expect(logged(log, 'sum', '2')).toMatchObject([{ features: { x: 4 }, prediction: 6 }]);
    expect(logged(log, 'quiet', '1')).toEqual([]);
    expect(json({ text: JSON.stringify(server.config?.layers.defaults) } as never)).toMatchObject({
      watch: { log: { folder: log } },
    });
  });

  it('has events, Parquet and a key of digests that outlives a restart', async () => {
    const base = newFolder();
    const events: Record<string, unknown>[] = [];
    const sink = createHttpServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as object;
        events.push({
          ...body,
          type: request.headers['ce-type'],
          token: request.headers['x-token'],
        });
        response.end();
      });
    });
    await new Promise<void>((done) => sink.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
    addVersion(join(base, 'models', 'sum'), 1, { 'model.onnx': adds(1) });
    writeFileSync(join(base, 'key'), 'a key that nobody knows\n');
    const watch = {
      maxRowsPerSecond: 100,
      prediction: { classes: ['a', 'b'] },
      events: { url, headers: { 'X-Token': 't' }, maxElements: 10, maxWaitingBytes: 100_000 },
      log: {
        ...{ folder: 'log', format: 'parquet', maxFiles: 3 },
        redact: { rules: { x: 'hash' }, keyFile: 'key' },
      },
    };
    const file = join(base, 'server.json');
    writeFileSync(file, JSON.stringify({ modelBasePath: 'models', defaults: { watch } }));
    for (const id of ['first', 'second']) {
      const server = createServer();
      await server.configure({ file });
      const { port } = await server.listen(0);
      const body = { id, inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [4] }] };
      expect(await call(port, '/v2/models/sum/infer', post(body))).toMatchObject({ status: 200 });
      await server.close();
    }
    sink.close();
    const rows = logged(join(base, 'log'), 'sum', '1');
    expect(rows.map(({ requestId }) => requestId)).toEqual(['first', 'second']);
    expect(rows[0]!.features['x']).toMatch(/^[0-9a-f]{16}$/);
    expect(rows[1]!.features).toEqual(rows[0]!.features);
    expect(events.map(({ id, type, token }) => [id, type, token])).toEqual(
      ['first', 'second'].flatMap((id) =>
        ['request', 'response'].map((kind) => [id, `org.kubeflow.serving.inference.${kind}`, 't']),
      ),
    );
    writeFileSync(join(base, 'key'), '');
    const server = createServer();
    await server.configure({ file }).catch(() => undefined);
    const { port } = await server.listen(0);
    const status = await call(port, '/v1/models/sum', {});
    expect(status.text).toContain('keyFile');
    await server.close();
  });

  it.each([
    [{ events: {} }, 'url'],
    [{ events: { url: 'ftp://a' } }, 'url'],
    [{ events: { url: 'http://a', mode: 'none' } }, 'mode'],
    [{ log: { folder: 'l', format: 'csv' } }, 'format'],
    [{ maxRowsPerSecond: 0 }, 'maxRowsPerSecond'],
    [{ prediction: { classes: [] } }, 'classes'],
  ])('names what is wrong with %j', async (watch, name) => {
    const base = newFolder();
    addVersion(join(base, 'models', 'sum'), 1, { 'model.onnx': adds(1) });
    const file = join(base, 'server.json');
    writeFileSync(file, JSON.stringify({ modelBasePath: 'models', defaults: { watch } }));
    const server = createServer();
    await expect(server.configure({ file })).rejects.toThrow(name);
    await server.close();
  });
});
