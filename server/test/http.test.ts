import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { gunzipSync, gzipSync, inflateSync } from 'node:zlib';

import { createServer } from '@onlite/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { call, fixture, json, post, serve, type Running } from './support';

const MAX_BYTES = 100_000;
const path = '/v2/models/rows/infer';

let running: Running;
beforeAll(async () => {
  running = await serve({ rows: 'identity_float32.onnx' }, { maxBodyBytes: MAX_BYTES });
});
afterAll(() => running.server.close());

const rows = (count: number) =>
  JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [count, 3], data: Array(count * 3).fill(1) }],
  });

/** What a socket gets for exactly these bytes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(running.port, '127.0.0.1', () => socket.end(text));
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });
}

const alive = async () => (await call(running.port, '/v2/health/live')).status;

describe('bodies', () => {
  it('that say that they are too large are refused before they are sent', async () => {
    const reply = await raw(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close[\s\S]*more than 100000 bytes/i);
  });

  it('that do not say how large they are are read up to the limit', async () => {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest({ port: running.port, path, method: 'POST' }, (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.on('error', reject);
      request.write(Buffer.alloc(MAX_BYTES + 1, ' '));
    });
    expect(status).toBe(413);
    expect(await alive()).toBe(200);
  });

  it('that unpack to more than the limit are refused', async () => {
    const body = gzipSync(Buffer.alloc(MAX_BYTES * 50));
    expect(body.length).toBeLessThan(MAX_BYTES);
    const reply = await call(running.port, path, post(body, { 'content-encoding': 'gzip' }));
    expect(reply.status).toBe(413);
  });

  it('are asked for where the client waits to be', async () => {
    const body = rows(1);
    const reply = await new Promise((resolve, reject) => {
      const headers = { expect: '100-continue', 'content-length': String(body.length) };
      const request = httpRequest({ port: running.port, path, method: 'POST', headers });
      request.on('continue', () => request.end(body));
      request.on('response', (response) => resolve(response.resume().statusCode));
      request.on('error', reject);
      request.flushHeaders();
    });
    expect(reply).toBe(200);
  });

  it('are not asked for where the request is wrong anyway', async () => {
    const reply = await raw(
      `POST /v2/models/none HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('in many chunks are put together', async () => {
    const values = Float32Array.from({ length: 3000 }, (_, index) => index);
    const head = JSON.stringify({
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [1000, 3], parameters: { binary_data_size: 12_000 } },
      ],
      parameters: { binary_data_output: true },
    });
    const whole = Buffer.concat([Buffer.from(head), new Uint8Array(values.buffer)]);
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      const headers = { 'inference-header-content-length': String(head.length) };
      const request = httpRequest(
        { port: running.port, path, method: 'POST', headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks)));
        },
      );
      request.on('error', reject);
      void (async () => {
        for (let at = 0; at < whole.length; at += 997) {
          request.write(whole.subarray(at, at + 997));
          await new Promise(setImmediate);
        }
        request.end();
      })();
    });
    expect(new Uint8Array(bytes.subarray(-12_000))).toEqual(new Uint8Array(values.buffer));
  });

  it('whose client leaves are forgotten', async () => {
    const socket = connect(running.port, '127.0.0.1');
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    expect(await alive()).toBe(200);
  });
});

describe('answers', () => {
  it.each([
    ['gzip', 'gzip', gunzipSync],
    ['deflate', 'deflate', inflateSync],
    ['gzip;q=0.5, deflate', 'deflate', inflateSync],
    ['br, gzip;q=0.1', 'gzip', gunzipSync],
  ] as const)('are compressed for %s', async (accepted, encoding, unpack) => {
    const reply = await call(running.port, path, post(rows(500), { 'accept-encoding': accepted }));
    expect(reply.headers['content-encoding']).toBe(encoding);
    expect(JSON.parse(unpack(reply.bytes).toString())).toMatchObject({
      outputs: [{ shape: [500, 3] }],
    });
  });

  it.each(['identity', 'br', 'gzip;q=0', 'identity, gzip;q=0.5'])(
    'are not for %s',
    async (accepted) => {
      const reply = await call(
        running.port,
        path,
        post(rows(500), { 'accept-encoding': accepted }),
      );
      expect(reply.headers['content-encoding']).toBeUndefined();
      expect(json(reply)).toMatchObject({ outputs: [{ shape: [500, 3] }] });
    },
  );

  it('to HEAD have no body', async () => {
    const reply = await call(running.port, '/v2/models/rows', { method: 'HEAD' });
    expect({ status: reply.status, text: reply.text }).toEqual({ status: 200, text: '' });
    expect(Number(reply.headers['content-length'])).toBeGreaterThan(50);
  });
});

describe('other pages', () => {
  it('metrics, without labels of what clients have made up', async () => {
    await call(running.port, path, post(rows(1)));
    await call(running.port, '/v2/models/mischief/infer', post(rows(1)));
    const { text, headers } = await call(running.port, '/metrics');
    expect(headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(text).toMatch(/onlite_runs_total\{[^}]*model="rows"/);
    expect(text).not.toContain('mischief');
  });

  it('a command line for each model, which works', async () => {
    const { text } = await call(running.port, '/', { headers: { accept: 'text/plain' } });
    expect(text).toMatch(
      /^rows 1 AVAILABLE\ncurl 'http:\/\/127\.0\.0\.1:\d+\/v2\/models\/rows\/infer'/,
    );
    const [, body = ''] = /-d '(.*)'/.exec(text) ?? [];
    const reply = await call(
      running.port,
      path,
      post(body, { 'content-type': 'application/json' }),
    );
    expect(reply.status).toBe(200);
  });
});

describe('what is no HTTP', () => {
  it.each([
    ['nonsense', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    [
      'another expectation',
      `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: more\r\nContent-Length: 0\r\n\r\n`,
      /^HTTP\/1\.1 417 /,
    ],
  ])('%s', async (_, text, answer) => {
    expect(await raw(text)).toMatch(answer);
    expect(await alive()).toBe(200);
  });
});

describe('a server that models are mounted in', () => {
  const listening = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  it('by middleware: other paths are its own', async () => {
    const models = createServer();
    await models.load({ name: 'rows', version: '1', file: fixture('identity_float32.onnx') });
    const server = createHttpServer((request, response) => {
      models.middleware(request, response, () => response.end('mine'));
    });
    const port = await listening(server);
    expect((await call(port, '/hello')).text).toBe('mine');
    expect((await call(port, path, post(rows(1)))).status).toBe(200);
    server.close();
    await models.close();
  });

  it('by attach', async () => {
    const models = createServer();
    await models.load({ name: 'rows', version: '1', file: fixture('identity_float32.onnx') });
    const server = createHttpServer();
    models.attach(server);
    const port = await listening(server);
    expect((await call(port, path, post(rows(1)))).status).toBe(200);
    server.close();
    await models.close();
  });
});
