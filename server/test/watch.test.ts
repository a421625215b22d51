// What models are asked and say is recorded, by whichever protocol and thread.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { OnliteError } from 'onlite';
import { describe, expect, it, vi } from 'vitest';

import { createApiKey, createServer } from '@onlite/server';

import { PREDICTION, V2, callGrpc, infer, input, newClient, raw } from './grpc-support';
import { encode, type Message } from './protobuf';
import { call, fixture, json, post, root, type Call } from './support';
import { temporaryFolder } from './versions-support';
import { logged, serveWatched } from './watch-support';

const folder = temporaryFolder();
let made = 0;
const newFolder = (): string => join(folder, String(made++));

const row = [0.25, 0.5, 0.125];
const bytes = Buffer.from(Float32Array.from(row).buffer);
const tensor = { name: 'x', shape: [1, 3], datatype: 'FP32' };

/** One row by each protocol over HTTP; those that have a place for an id in their bodies use that. */
const overHttp: Readonly<Record<string, { path: string; call: (id: string) => Call }>> = {
  oip: {
    path: '/v2/models/rows/infer',
    call: (id) => post({ id, inputs: [{ ...tensor, data: row }] }),
  },
  'oip, binary': {
    path: '/v2/models/rows/infer',
    call: (id) => {
      const parameters = { binary_data_size: bytes.length };
      const head = Buffer.from(JSON.stringify({ id, inputs: [{ ...tensor, parameters }] }));
      const headers = { 'Inference-Header-Content-Length': String(head.length) };
      return { ...post(Buffer.concat([head, bytes]), headers) };
    },
  },
  'TensorFlow-Serving-and-KServe-v1': {
    path: '/v1/models/rows:predict',
    call: (id) => post({ instances: [row] }, { 'x-request-id': id }),
  },
  'TensorFlow-Serving-columns': {
    path: '/v1/models/rows:predict',
    call: (id) => post({ inputs: [row] }, { 'x-request-id': id }),
  },
  MLflow: {
    path: '/invocations',
    call: (id) =>
      post({ instances: [row] }, { 'x-request-id': id, 'content-type': 'application/json' }),
  },
  TorchServe: {
    path: '/predictions/rows',
    call: (id) => post([row], { 'x-request-id': id, 'content-type': 'application/json' }),
  },
};

const overGrpc: Readonly<Record<string, { path: string; message: (id: string) => Message }>> = {
  oip: {
    path: `${V2}ModelInfer`,
    message: (id) => [...infer('rows', [input('x', 'FP32', [1, 3])], [[3, id]]), raw(...row)],
  },
  'TensorFlow Serving': {
    path: `${PREDICTION}Predict`,
    message: () => [
      [1, [[1, 'rows']]],
      [
        2,
        [
          [1, 'x'],
          [
            2,
            [
              [1, 1],
              [2, [1, 3].map((size) => [2, [[1, size]]] as const)],
              [4, bytes],
            ],
          ],
        ],
      ],
    ],
  },
};

const expected = (requestId: string) => ({
  time: expect.stringMatching(/^20\d\d-/) as string,
  requestId,
  model: 'rows',
  version: '1',
  features: { 'x[0]': 0.25, 'x[1]': 0.5, 'x[2]': 0.125 },
  prediction: 1,
  // They do not sum to 1.
  scores: expect.any(Array) as number[],
  latencyMs: expect.any(Number) as number,
});

describe('a model that is watched', () => {
  it('records the same rows by all protocols, with the ids that clients give', async () => {
    const log = newFolder();
    const { server, port } = await serveWatched({ log: { folder: log } });
    const grpc = newClient((await server.listenGrpc(0)).port);
    const names: string[] = [];
    for (const [name, { path, call: made }] of Object.entries(overHttp)) {
      const reply = await call(port, path, made(name));
      expect([name, reply.status, reply.text]).toEqual([name, 200, expect.anything()]);
      names.push(name);
    }
    for (const [name, { path, message }] of Object.entries(overGrpc)) {
      const id = `grpc ${name}`.replaceAll(' ', '-');
      const reply = await callGrpc(grpc, path, encode(message(id)), 60_000, { 'x-request-id': id });
      expect([name, reply.code, reply.details]).toEqual([name, 0, '']);
      names.push(id);
    }
    grpc.close();
    await server.close();
    const rows = logged(log);
    expect(rows.map(({ requestId }) => requestId)).toEqual(names);
    for (const [index, found] of rows.entries()) {
      expect(found).toEqual(expected(names[index]!));
      expect(found.latencyMs).toBeGreaterThan(0);
    }
  });

  it('names a request that its client has not, and says so', async () => {
    const log = newFolder();
    const { server, port } = await serveWatched({ log: { folder: log } });
    const reply = await call(port, '/v1/models/rows:predict', post({ instances: [row, row] }));
    const id = reply.headers['x-request-id'] as string;
    expect(id).toMatch(/^[\w-]{36}$/);
    await server.close();
    expect(logged(log).map(({ requestId }) => requestId)).toEqual([`${id}/0`, `${id}/1`]);
  });

  it('records what a run fails with, and nothing of what never came to one', async () => {
    const log = newFolder();
    const { server, port } = await serveWatched({ log: { folder: log } });
    const headers = { 'x-request-timeout-ms': '0', 'x-request-id': 'late' };
    const late = await call(port, '/v1/models/rows:predict', post({ instances: [row] }, headers));
    expect(late.status).toBe(504);
    expect((await call(port, '/v1/models/rows:predict', post('{'))).status).toBe(400);
    await server.close();
    expect(logged(log)).toMatchObject([
      { requestId: 'late', error: 'ERR_TIMEOUT', features: { 'x[0]': 0.25 } },
    ]);
    expect(logged(log)[0]).not.toHaveProperty('prediction');
  });

  it('looks at a share of the requests', async () => {
    const log = newFolder();
    const { server, port } = await serveWatched({ sample: 0.3, log: { folder: log } });
    for (let turn = 0; turn < 300; turn++) {
      await call(port, '/v1/models/rows:predict', post({ instances: [row] }));
    }
    await server.close();
    // 90 ± 5 standard deviations.
    expect(logged(log).length).toBeGreaterThan(50);
    expect(logged(log).length).toBeLessThan(130);
  });

  it.runIf(process.platform === 'linux')(
    'counts what it does not look at, and tells labels of that, in each thread',
    async () => {
      const { server, port } = await serveWatched({ sample: 0 }, { workers: 3 });
      const ids = Array.from({ length: 60 }, (_, index) => `r${index}`);
      for (const id of ids) {
        const late = id.endsWith('7') ? { 'x-request-timeout-ms': '0' } : {};
        const headers = { 'x-request-id': id, connection: 'close', ...late };
        await call(port, '/v1/models/rows:predict', post({ instances: [row] }, headers));
      }
      const unnamed = await call(port, '/v1/models/rows:predict', post({ instances: [row] }));
      expect(unnamed.headers).not.toHaveProperty('x-request-id');
      const text = async (): Promise<string> => (await call(port, '/metrics', {})).text;
      const of = 'model="rows",version="1"';
      await expect
        .poll(text, { timeout: 10_000 })
        .toContain(`onlite_watch_skipped_total{${of}} 61\n`);
      expect(await text()).toContain(`onlite_watch_errors_total{${of},kind="ERR_TIMEOUT"} 6\n`);
      expect(await text()).toContain(`onlite_watch_requests_total{${of}} 0\n`);
      const labels = ['r3', 'r59/0', 'never'].map((requestId) => ({ requestId, label: 1 }));
      const reply = await call(port, '/watch/models/rows/labels', post(labels));
      expect(json(reply)).toEqual({ joined: 0, unmatched: 1, unsampled: 2 });
      await server.close();
    },
  );

  it('gives a name to a request whose own is longer than those of labels', async () => {
    const log = newFolder();
    const { server, port } = await serveWatched({ log: { folder: log } });
    for (const length of [512, 513]) {
      const id = 'i'.repeat(length);
      const body = { id, inputs: [{ ...tensor, data: row }] };
      const reply = await call(port, '/v2/models/rows/infer', post(body));
      expect([reply.status, json(reply)]).toEqual([200, expect.objectContaining({ id })]);
    }
    await server.close();
    expect(logged(log).map(({ requestId }) => requestId?.length)).toEqual([512, 36]);
  });

  it('takes no option that there is not', async () => {
    const server = createServer();
    const source = { name: 'rows', version: '1', file: fixture('identity_float32.onnx') };
    const wrong = [
      [
        { ...source, watch: {} },
        "source: expected one of file, name, serving, session, version, got 'watch'",
      ],
      [
        { ...source, serving: { wacth: {} } },
        "source.serving: expected one of classLabels, defaultSignature, isolation, maxRunMs, timeoutMs, watch, got 'wacth'",
      ],
      [null, 'source: expected an object'],
    ] as const;
    for (const [options, message] of wrong) {
      await expect(server.load(options as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
        message,
      });
    }
    expect(server.models.names).toEqual([]);
    await server.close();
  });

  it('is watched as before where what it is to be watched by from now on is wrong', async () => {
    const kept = newFolder();
    const { server, port } = await serveWatched({
      log: { folder: kept },
      labels: { folder: kept },
    });
    const file = fixture('identity_float32.onnx');
    const blocked = newFolder();
    writeFileSync(blocked, '');
    const wrong = [
      { log: { folder: kept }, labels: { folder: kept }, drift: {} },
      { log: { folder: kept }, labels: { folder: blocked } },
    ];
    for (const watch of wrong) {
      await expect(
        server.load({ name: 'rows', version: '1', file, serving: { watch } }),
      ).rejects.toThrow(OnliteError);
    }
    const body = { id: 'after', inputs: [{ ...tensor, data: row }] };
    expect((await call(port, '/v2/models/rows/infer', post(body))).status).toBe(200);
    await vi.waitFor(async () => {
      const labels = post([{ requestId: 'after', label: 1 }]);
      expect(json(await call(port, '/watch/models/rows/labels', labels))).toEqual({
        joined: 1,
        unmatched: 0,
        unsampled: 0,
      });
    });
    await server.close();
    expect(logged(kept).map(({ requestId }) => requestId)).toEqual(['after']);
  });

  it('is not served where it cannot be watched as it is configured', async () => {
    const profile = join(folder, 'none.json');
    writeFileSync(profile, '{}');
    const loading = serveWatched({ profile });
    await expect(loading).rejects.toThrow(OnliteError);
    await expect(loading).rejects.toThrow(/a profile that onlite has made/);
  });

  it.runIf(process.platform === 'linux')(
    'is recorded in one log by all threads, and in processes of its own',
    async () => {
      for (const isolation of ['none', 'process'] as const) {
        const log = newFolder();
        const server = createServer({ workers: 3 });
        const serving = { isolation, watch: { log: { folder: log } } };
        const file = fixture('identity_float32.onnx');
        await server.load({ name: 'rows', version: '1', file, serving });
        const { port } = await server.listen(0);
        const ready = async () => (await call(port, '/v2/health/ready')).status;
        await expect.poll(ready, { timeout: 60_000 }).toBe(200);
        const ids = Array.from({ length: 60 }, (_, index) => `r${index}`);
        const replies = await Promise.all(
          ids.map((id) =>
            call(
              port,
              '/v1/models/rows:predict',
              post({ instances: [row] }, { 'x-request-id': id }),
            ),
          ),
        );
        expect(replies.map(({ status }) => status)).toEqual(ids.map(() => 200));
        await expect.poll(() => logged(log).length, { timeout: 30_000 }).toBe(60);
        await server.close();
        const rows = logged(log).sort(
          (a, b) => Number(a.requestId!.slice(1)) - Number(b.requestId!.slice(1)),
        );
        expect(rows).toEqual(ids.map(expected));
      }
    },
  );
});

describe('a server that watches nothing', () => {
  it('loads nothing of onlite/watch', () => {
    const loaded = (watch: string): number => {
      const file = JSON.stringify(fixture('identity_float32.onnx'));
      const code = `const { createServer } = require('@onlite/server');
        const server = createServer();
        server.load({ name: 'm', version: '1', file: ${file}, serving: ${watch} })
          .then(() => server.close())
          .then(() => console.log(Object.keys(require.cache)
            .filter((each) => /dist.watch.index/.test(each)).length));`;
      return Number(execFileSync(process.execPath, ['-e', code], { cwd: root }).toString());
    };
    expect(loaded('{}')).toBe(0);
    expect(loaded('{ watch: {} }')).toBe(1);
  });
});

describe('POST /watch/models/NAME/labels', () => {
  const path = '/watch/models/rows/labels';
  const typed = { 'content-type': 'application/json' };
  const predict = (port: number, id: string, headers: Record<string, string> = {}) =>
    call(
      port,
      '/v1/models/rows:predict',
      post({ instances: [row] }, { 'x-request-id': id, ...headers }),
    );

  it('joins labels to what was predicted, by whichever version', async () => {
    const { server, port } = await serveWatched({});
    const file = fixture('identity_float32.onnx');
    await server.load({ name: 'rows', version: '2', file, serving: { watch: {} } });
    await predict(port, 'a');
    await call(
      port,
      '/v1/models/rows/versions/1:predict',
      post({ instances: [row, row] }, { 'x-request-id': 'b' }),
    );
    const labels = ['a', 'b/0', 'b/1', 'b'].map((requestId) => ({ requestId, label: 1 }));
    const tell = async (body: unknown) => json(await call(port, path, post(body, typed)));
    await expect.poll(() => tell([labels[0]])).toEqual({ joined: 1, unmatched: 0, unsampled: 0 });
    expect(await tell(labels)).toEqual({ joined: 2, unmatched: 2, unsampled: 0 });
    expect(await tell([])).toEqual({ joined: 0, unmatched: 0, unsampled: 0 });
    await server.close();
  });

  it.runIf(process.platform === 'linux')('is answered by any thread', async () => {
    const { server, port } = await serveWatched({}, { workers: 3 });
    const ids = Array.from({ length: 30 }, (_, index) => `r${index}`);
    await Promise.all(ids.map((id) => predict(port, id)));
    const told = async (id: string): Promise<number> => {
      const reply = await call(port, path, post([{ requestId: id, label: 1 }], typed));
      return (json(reply) as { joined: number }).joined;
    };
    await Promise.all(ids.map((id) => expect.poll(() => told(id)).toBe(1)));
    const none = await Promise.all(
      ids.map(() => call(port, '/watch/models/none/labels', post([], typed))),
    );
    expect(new Set(none.map(({ status }) => status))).toEqual(new Set([404]));
    await server.close();
  });

  it('has what waits again after a restart, where there is a folder', async () => {
    const labels = newFolder();
    const first = await serveWatched({ labels: { folder: labels } });
    await predict(first.port, 'a');
    await first.server.close();
    const { server, port } = await serveWatched({ labels: { folder: labels } });
    const reply = await call(port, path, post([{ requestId: 'a', label: 2 }], typed));
    expect(json(reply)).toEqual({ joined: 1, unmatched: 0, unsampled: 0 });
    await server.close();
  });

  it('asks for the scope label of the model', async () => {
    const label = createApiKey('labeller', ['label:rows']);
    const infer = createApiKey('user', ['infer', 'manage', 'monitor']);
    const access = { keys: [label.key, infer.key] };
    const { server, port } = await serveWatched({}, { access });
    const tell = async (headers: Record<string, string>, to = path) =>
      (await call(port, to, post([], { ...typed, ...headers }))).status;
    expect(await tell({})).toBe(401);
    expect(await tell({ 'x-api-key': infer.text })).toBe(403);
    expect(await tell({ 'x-api-key': label.text })).toBe(200);
    expect(await tell({ 'x-api-key': label.text }, '/watch/models/other/labels')).toBe(403);
    expect((await predict(port, 'a', { 'x-api-key': label.text })).status).toBe(403);
    await server.close();
  });

  it('names what is wrong', async () => {
    const { server, port } = await serveWatched({});
    const many = Array.from({ length: 10_001 }, () => ({ requestId: 'a', label: 1 }));
    const cases: readonly (readonly [body: unknown, status: number, message: RegExp])[] = [
      ['{', 400, /no JSON/],
      [{ requestId: 'a', label: 1 }, 400, /expected a list/],
      [[null], 400, /^\[0\]: expected an object/],
      [[{ requestId: 'a', label: 1 }, { label: 1 }], 400, /^\[1\]\.requestId: expected a string/],
      [[{ requestId: 'a'.repeat(513), label: 1 }], 400, /^\[0\]\.requestId/],
      [[{ requestId: 'a', label: null }], 400, /^\[0\]\.label: expected a finite number/],
      ['[{"requestId": "a", "label": 1e999}]', 400, /^\[0\]\.label/],
      [[{ requestId: 'a', label: 1, why: 1 }], 400, /^\[0\]\.why: is not known/],
      [many, 413, /10000 labels at most, got 10001/],
      [`[${' '.repeat(4 << 20)}]`, 413, /4194304 bytes at most/],
    ];
    for (const [body, status, message] of cases) {
      const reply = await call(port, path, post(body, typed));
      expect(reply.status).toBe(status);
      expect((json(reply) as { error: string }).error).toMatch(message);
    }
    await server.load({ name: 'plain', version: '1', file: fixture('identity_float32.onnx') });
    const plain = await call(port, '/watch/models/plain/labels', post([], typed));
    expect([plain.status, plain.text]).toEqual([404, expect.stringContaining('is watched')]);
    expect((await call(port, '/watch/models/rows')).status).toBe(404);
    expect((await call(port, path)).status).toBe(405);
    await server.close();
  });
});
