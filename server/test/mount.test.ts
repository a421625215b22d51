import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import { createServer, type ModelServer } from '@onlite/server';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { call, fixture, json, post, type Reply } from './support';

const path = '/v2/models/rows/infer';
const JSON_TYPE = { 'content-type': 'application/json' };
const ROW = [1, 2.5, -0];
const tensor = (name: string, datatype: string, data: unknown[]) =>
  JSON.stringify({ inputs: [{ name, datatype, shape: [1, 3], data }] });
const body = tensor('x', 'FP32', [1, 2.5, 7]).replace('7]', '-0.0]');
const answers = { outputs: [{ name: 'y', shape: [1, 3], data: [1, 2.5, -0] }] };

/** Request and answer in the binary form of the Open Inference Protocol. */
const floats = Float32Array.of(1, 2.5, -0);
const head = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } }],
  parameters: { binary_data_output: true },
});
const binary = Buffer.concat([Buffer.from(head), Buffer.from(floats.buffer)]);
const binaryHeaders = {
  'inference-header-content-length': String(head.length),
  'content-type': 'application/octet-stream',
};
const floatsOf = ({ bytes }: Reply) =>
  new Float32Array(Uint8Array.from(bytes.subarray(-12)).buffer);

let models: ModelServer;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  models = createServer();
  await models.load({ name: 'rows', version: '1', file: fixture('identity_float32.onnx') });
  await models.load({ name: 'int64', version: '1', file: fixture('identity_int64.onnx') });
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await models.close();
});

async function listening(server: Server): Promise<number> {
  closing.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** An Express service whose own pages answer `mine`, with handlers before the models and their prefix. */
function expressService(prefix: string, ...before: RequestHandler[]): Promise<number> {
  const app = express();
  for (const handler of before) app.use(handler);
  app.use(prefix, models.middleware);
  app.use((_request, response) => void response.send('mine'));
  const told: ErrorRequestHandler = (error: Error & { status?: number }, _, response, _next) => {
    response.status(error.status ?? 500).send(error.message);
  };
  app.use(told);
  return listening(createHttpServer(app));
}

async function fastifyService(build: (app: FastifyInstance) => unknown): Promise<number> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/mine', () => 'mine');
  app.post('/json', ({ body: parsed }) => parsed);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send('mine'));
  await build(app);
  closing.push(() => app.close());
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

const OTHER_PATHS = ['/', '/health', '/ping', '/version', '/metrics', '/v1/users', '/v2/nothing'];

describe('mounted without a prefix', () => {
  const services: Record<string, () => Promise<number>> = {
    'by middleware of Express': () => expressService('/'),
    'by a plugin of Fastify': () => fastifyService((app) => app.register(models.fastify)),
    'by attach': () => {
      const server = createHttpServer((_request, response) => response.end('mine'));
      models.attach(server);
      return listening(server);
    },
    'by attach to the server of Fastify': () =>
      fastifyService((app) => {
        models.attach(app.server);
      }),
  };

  it.each(Object.entries(services))('%s: the models, and what is not theirs', async (_, start) => {
    const port = await start();
    const reply = await call(port, path, post(body, JSON_TYPE));
    expect({ status: reply.status, body: json(reply) }).toMatchObject({
      status: 200,
      body: answers,
    });
    expect(floatsOf(await call(port, path, post(binary, binaryHeaders)))).toEqual(floats);
    const predicted = await call(port, '/v1/models/rows:predict', post({ instances: [ROW] }));
    expect(predicted.text).toContain('"predictions"');
    const invoked = await call(
      port,
      '/models/rows/invocations',
      post({ inputs: [ROW] }, JSON_TYPE),
    );
    expect(json(invoked)).toMatchObject({ predictions: { y: [[1, 2.5, 0]] } });
    for (const other of OTHER_PATHS) expect((await call(port, other)).text, other).toBe('mine');
  });

  it.each(Object.entries(services))('%s: errors are those of the protocols', async (_, start) => {
    const port = await start();
    expect(await call(port, '/v2/models/none')).toMatchObject({
      status: 404,
      text: expect.stringContaining('{"error":') as string,
    });
    const wrong = await call(port, path, { method: 'PUT', body: '' });
    expect([wrong.status, wrong.headers.allow]).toEqual([405, 'POST']);
    const badName = await call(port, '/v2/models/%zz');
    expect(badName.status).toBe(400);
  });

  it.each(Object.entries(services))('%s: until the models are closed', async (_, start) => {
    const port = await start();
    await models.close();
    expect((await call(port, '/v2/health/live')).text).toBe('mine');
  });
});

describe('mounted below a prefix', () => {
  const services: Record<string, () => Promise<number>> = {
    'by middleware of Express': () => expressService('/ml/a'),
    'by a plugin of Fastify': () =>
      fastifyService((app) => app.register(models.fastify, { prefix: '/ml/a' })),
    'by a plugin of Fastify in another': () =>
      fastifyService((app) =>
        app.register(
          (inner, _, done) => {
            inner.register(models.fastify, { prefix: '/a' });
            done();
          },
          { prefix: '/ml' },
        ),
      ),
    'by attach': () => {
      const server = createHttpServer((_request, response) => response.end('mine'));
      models.attach(server, { prefix: '/ml/a/' });
      return listening(server);
    },
  };

  it.each(Object.entries(services))('%s: all pages, and what is not theirs', async (_, start) => {
    const port = await start();
    const reply = await call(port, `/ml/a${path}`, post(body, JSON_TYPE));
    expect(json(reply)).toMatchObject(answers);
    const home = await call(port, '/ml/a/', { headers: { accept: 'text/plain' } });
    expect(home.text).toContain(`curl 'http://127.0.0.1:${port}/ml/a/v2/models/rows/infer'`);
    expect(json(await call(port, '/ml/a/health'))).toEqual({ status: 'Healthy' });
    expect((await call(port, '/ml/a/metrics')).text).toContain('onlite_runs_total');
    for (const other of [...OTHER_PATHS, path, '/ml/a/users', '/ml/ab/health', '/ml/a/v1/x']) {
      expect((await call(port, other)).text, other).toBe('mine');
    }
  });

  it('which is a path', () => {
    expect(() => models.attach(createHttpServer(), { prefix: 'ml' })).toThrow(/options\.prefix/);
  });
});

describe('a body that the host has read before', () => {
  const parsers: Record<string, RequestHandler> = {
    'express.raw()': express.raw({ type: () => true }),
    'express.text()': express.text({ type: () => true }),
    'express.json()': express.json({ type: () => true }),
    'one that keeps rawBody': express.json({
      verify: (request, _response, bytes) => Object.assign(request, { rawBody: bytes }),
    }),
  };

  it.each(Object.entries(parsers))('by %s', async (_, parser) => {
    const port = await expressService('/ml', parser);
    const whole = await call(port, `/ml${path}`, post(body, JSON_TYPE));
    expect(json(whole)).toMatchObject(answers);
    const packed = post(gzipSync(body), { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect(json(await call(port, `/ml${path}`, packed))).toMatchObject(answers);
    // Another request on the same service, and one without a body.
    expect((await call(port, '/ml/v2/models/rows')).status).toBe(200);
    const empty = await call(port, `/ml${path}`, post('', JSON_TYPE));
    expect(empty.status).toBe(400);
  });

  it('binary, by express.raw(); and by one that leaves it alone', async () => {
    for (const parser of [express.raw(), express.json()]) {
      const port = await expressService('/', parser);
      expect(floatsOf(await call(port, path, post(binary, binaryHeaders)))).toEqual(floats);
    }
  });

  it('is left to who else has read it', async () => {
    const kept: Buffer[] = [];
    const listen: RequestHandler = (request, _response, next) => {
      request.on('data', (chunk: Buffer) => kept.push(chunk));
      next();
    };
    const port = await expressService('/', listen);
    const rows = 50_000;
    const values = new Float32Array(rows * 3).fill(0.5);
    const length = values.byteLength;
    const parameters = { binary_data_size: length };
    const large = JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 3], parameters }],
    });
    const headers = { ...binaryHeaders, 'inference-header-content-length': String(large.length) };
    const sent = Buffer.concat([Buffer.from(large), Buffer.from(values.buffer)]);
    expect((await call(port, path, { method: 'POST', body: sent, headers })).status).toBe(200);
    expect(Buffer.concat(kept).equals(sent)).toBe(true);
  });

  it('of integers that JavaScript has rounded, which are refused', async () => {
    const big = '9007199254740993';
    const integers = tensor('x', 'INT64', [1, 2, 7]).replace('7]', `${big}]`);
    const infer = '/v2/models/int64/infer';
    const before = await expressService('/', (_request, _response, next) => next());
    const exact = await call(before, infer, post(integers, JSON_TYPE));
    expect(exact.text).toContain(big);
    const after = await expressService('/', express.json());
    const refused = await call(after, infer, post(integers, JSON_TYPE));
    expect(refused).toMatchObject({
      status: 400,
      text: expect.stringContaining('inputs[0].data') as string,
    });
    const small = await call(after, infer, post(tensor('x', 'INT64', [1, 2, 3]), JSON_TYPE));
    expect(json(small)).toMatchObject({ outputs: [{ data: [1, 2, 3] }] });
  });

  it('of floats that are large, which are themselves', async () => {
    const port = await expressService('/', express.json());
    const reply = await call(port, path, post(tensor('x', 'FP32', [1e20, 1e-20, 3]), JSON_TYPE));
    expect(json(reply)).toMatchObject({ outputs: [{ data: [1e20, 1e-20, 3] }] });
  });

  it('that is nested too deep is refused as ever', async () => {
    const port = await expressService('/', express.json());
    const deep = `{"inputs":${'['.repeat(1000)}${']'.repeat(1000)}}`;
    expect((await call(port, path, post(deep, JSON_TYPE))).status).toBe(400);
  });

  it('as a form is told to the host', async () => {
    const port = await expressService('/', express.urlencoded({ extended: false }));
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const reply = await call(port, '/v1/models/rows:predict', post({ instances: [ROW] }, form));
    expect(reply).toMatchObject({
      status: 415,
      text: expect.stringContaining('mount the models before the body parsers') as string,
    });
  });

  it('and dropped is told to the host', async () => {
    const port = await expressService('/', (request, _response, next) => {
      request.resume().once('end', next);
    });
    const reply = await call(port, path, post(body, JSON_TYPE));
    expect(reply).toMatchObject({
      status: 500,
      text: expect.stringContaining('neither in request.body nor in rawBody') as string,
    });
  });
});

describe("a host's own", () => {
  it('authentication is asked first, in Express and in Fastify', async () => {
    const guarded = await expressService('/', (request, response, next) => {
      if (request.headers.authorization === 'Bearer secret') next();
      else response.status(401).send('no');
    });
    const hooked = await fastifyService((app) => {
      app.addHook('preHandler', async (request, reply) => {
        if (request.headers.authorization !== 'Bearer secret') await reply.code(401).send('no');
      });
      app.register(models.fastify);
    });
    for (const port of [guarded, hooked]) {
      expect((await call(port, path, post(body, JSON_TYPE))).text).toBe('no');
      const headers = { ...JSON_TYPE, authorization: 'Bearer secret' };
      expect((await call(port, path, post(body, headers))).status).toBe(200);
    }
  });

  it("parsers of Fastify's are as they were", async () => {
    const port = await fastifyService((app) => app.register(models.fastify, { prefix: '/ml' }));
    expect(json(await call(port, '/json', post({ a: 1 }, JSON_TYPE)))).toEqual({ a: 1 });
  });

  it('clients that wait to be told to send bodies are told so once', async () => {
    const server = createHttpServer((_request, response) => response.end('mine'));
    models.attach(server);
    const port = await listening(server);
    for (const [asked, answer] of [
      [path, '"outputs"'],
      ['/mine', 'mine'],
    ] as const) {
      let told = 0;
      const text = await new Promise<string>((resolve, reject) => {
        const headers = { ...JSON_TYPE, expect: '100-continue', 'content-length': body.length };
        const host = '127.0.0.1';
        const request = httpRequest({ host, port, path: asked, method: 'POST', headers });
        request.on('continue', () => {
          told += 1;
          request.end(body);
        });
        request.on('response', (response) => {
          let received = '';
          response.on('data', (chunk) => (received += String(chunk)));
          response.on('end', () => resolve(received));
        });
        request.on('error', reject);
        request.flushHeaders();
      });
      expect(text).toContain(answer);
      expect(told).toBe(1);
    }
  });
});

describe('a server that nobody else listens to', () => {
  it('has its unknown paths told in 404, and nothing when the models are closed', async () => {
    const server = createHttpServer();
    models.attach(server);
    const port = await listening(server);
    expect((await call(port, path, post(body, JSON_TYPE))).status).toBe(200);
    expect((await call(port, '/nothing')).status).toBe(404);
    expect((await call(port, '/health')).status).toBe(200);
    await models.close();
    expect((await call(port, '/health')).status).toBe(503);
  });
});

it('close() waits for requests that are under way', async () => {
  let tellArrival = () => {};
  const arrival = new Promise<void>((resolve) => (tellArrival = resolve));
  const port = await expressService('/', ({ method }, _response, next) => {
    next();
    if (method === 'POST') tellArrival();
  });
  const host = '127.0.0.1';
  const request = httpRequest({ host, port, path, method: 'POST', headers: JSON_TYPE });
  request.write(body.slice(0, 10));
  const reply = new Promise<number | undefined>((resolve, reject) => {
    request.on('response', (response) => resolve(response.resume().statusCode));
    request.on('error', reject);
  });
  await arrival;
  let isClosed = false;
  const closed = models.close().then(() => (isClosed = true));
  expect((await call(port, '/v2/health/live')).text).toBe('mine');
  expect(isClosed).toBe(false);
  request.end(body.slice(10));
  expect(await reply).toBe(200);
  await closed;
});
