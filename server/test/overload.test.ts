// More requests than can be answered: deadlines, priorities, bounds, clients that leave, and other models.
import { connect, type Socket } from 'node:net';

import { Metadata, status, type Client } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { V2, asItIs, callGrpc, infer, input, newClient, parameter, raw } from './grpc-support';
import { encode } from './protobuf';
import { call, fixture, json, post, type Call, type Reply } from './support';
import { createServer, type ModelServer } from '@onlite/server';
import { metric } from './versions-support';

/** Steps of a run that does not end by itself. */
const FOREVER = 0x7fff_ffff;

const path = (model: string): string => `/v2/models/${model}/infer`;

/** A run of so many steps. */
const steps = (
  limit: number,
  parameters: object = {},
  headers: Record<string, string> = {},
): Call =>
  post(
    {
      inputs: [
        { name: 'limit', datatype: 'INT32', shape: [], data: [limit] },
        { name: 'x', datatype: 'FP32', shape: [3], data: [1, 2, 3] },
      ],
      parameters,
    },
    headers,
  );
const grpcSteps = (limit: number) =>
  encode(
    infer(
      'loop',
      [input('limit', 'INT32', []), input('x', 'FP32', [3])],
      [[7, Buffer.from(Int32Array.of(limit).buffer)], raw(1, 2, 3)],
    ),
  );

let server: ModelServer;
let port: number;
const open: Socket[] = [];
const clients: Client[] = [];
const quiet = { model: 'loop', version: '1' };
const waiting = (): Promise<number | undefined> =>
  metric(port, 'onlite_server_queue_length', quiet);
const notRun = (reason: string): Promise<number | undefined> =>
  metric(port, 'onlite_server_requests_not_run_total', { ...quiet, reason });
const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
};
const ask = (request: Call, model = 'loop'): Promise<Reply> => call(port, path(model), request);

async function start(session: object = {}, serving: object = {}): Promise<void> {
  server = createServer();
  const file = fixture('control_while.tflite');
  for (const name of ['loop', 'other']) {
    await server.load({ name, version: '1', file, session, serving });
  }
  ({ port } = await server.listen(0));
}

/** A request by a connection of its own, that is cut when this is called. */
async function begin(request: Call): Promise<() => void> {
  const socket = connect(port, '127.0.0.1');
  open.push(socket);
  socket.on('error', () => undefined);
  const { body = '' } = request;
  const head = `POST ${path('loop')} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  await new Promise<void>((resolve) => socket.write(`${head}${body as string}`, () => resolve()));
  return () => socket.destroy();
}

/** As many runs without end as there are places: they are short as far as is known. */
async function occupy(): Promise<(() => void)[]> {
  const run = steps(FOREVER, { timeout: 120_000_000 });
  const ends = [await begin(run), await begin(run)];
  await until(
    async () => (await waiting()) === 0 && server.models.find('loop').queue.underWay === 2,
  );
  return ends;
}

/** Steps of a run that takes some 40 ms of a thread. */
async function longSteps(): Promise<number> {
  const { invoke } = server.models.find('loop').session.latency;
  const spent = (): number => (invoke.count === 0 ? 0 : invoke.count * invoke.snapshot().mean);
  for (let limit = 1000; ; limit *= 2) {
    const before = spent();
    for (let run = 0; run < 3; run++) expect((await ask(steps(limit))).status).toBe(200);
    if (spent() - before >= 3 * 40e6) return limit;
  }
}

/** Requests of known length that wait behind others without end. */
async function crowd(
  count: number,
): Promise<{ ends: (() => void)[]; many: Promise<Reply>[]; limit: number }> {
  const limit = await longSteps();
  for (let run = 0; run < 10; run++) await ask(steps(limit));
  const ends = await occupy();
  const many = Array.from({ length: count }, () => ask(steps(limit)));
  await until(async () => (await waiting()) === count);
  return { ends, many, limit };
}

/** A connection on which something is written, and waited for; `reads`, from the beginning on. */
function dialogue(
  text: string,
  reads = true,
): {
  write: (more: string | Buffer) => void;
  says: (what: RegExp) => Promise<string>;
} {
  const socket = connect(port, '127.0.0.1');
  open.push(socket);
  socket.on('error', () => undefined);
  let said = '';
  socket.on('data', (bytes) => (said += bytes.toString('latin1')));
  if (!reads) socket.pause();
  socket.write(text);
  return {
    write: (more) => void socket.write(more),
    says: async (what) => {
      socket.resume();
      await until(() => Promise.resolve(what.test(said)));
      const all = said;
      said = '';
      return all;
    },
  };
}

beforeEach(() => start());
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

describe('a deadline', () => {
  it.each([
    ['of the protocol, in microseconds', { timeout: 300_000 }, {}],
    ['of a header', {}, { 'X-Request-Timeout-Ms': '300' }],
    ["of Envoy's", {}, { 'X-Envoy-Expected-Rq-Timeout-Ms': '300' }],
    ["of gRPC's, over HTTP", {}, { 'Grpc-Timeout': '300m' }],
  ])('%s that passes while a request waits is 504, and it is not run', async (_, more, headers) => {
    const ends = await occupy();
    const reply = await ask(steps(2, more, headers));
    expect(reply.status).toBe(504);
    expect(await notRun('expired')).toBe(1);
    for (const end of ends) end();
    expect((await ask(steps(2))).status).toBe(200);
    expect(await metric(port, 'onlite_server_requests_total', quiet)).toBe(1);
  });

  it('of a model holds for requests that say nothing', async () => {
    await server.close();
    await start({}, { timeoutMs: 300 });
    await occupy();
    expect((await ask(steps(2))).status).toBe(504);
  });

  it('that is over before is 504 at once, and what is no time 400', async () => {
    const reply = await ask(steps(2, {}, { 'X-Request-Timeout-Ms': '0' }));
    expect(reply.status).toBe(504);
    const wrong = await ask(steps(2, {}, { 'Grpc-Timeout': 'soon' }));
    expect(json(wrong)).toEqual({ error: "grpc-timeout: 'soon' is no time" });
    expect((await ask(steps(2, { priority: -1 }))).status).toBe(400);
  });

  it("is kept by all of TensorFlow Serving's requests", async () => {
    const file = fixture('identity_float32.onnx');
    await server.load({ name: 'rows', version: '1', file });
    const over = { 'X-Request-Timeout-Ms': '0' };
    for (const [verb, body] of Object.entries({
      predict: { instances: [[1, 2, 3]] },
      classify: { examples: [{ x: [1, 2, 3] }] },
      regress: { examples: [{ x: [1, 2, 3] }] },
    })) {
      const reply = await call(port, `/v1/models/rows:${verb}`, post(body, over));
      expect([verb, reply.status]).toEqual([verb, 504]);
    }
  });

  it('that cannot be held is refused at once, with when to come again', async () => {
    const { ends, many, limit } = await crowd(20);
    const refused = await ask(steps(limit, { timeout: 200_000 }));
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    const { port: grpcPort } = await server.listenGrpc(0);
    const client = newClient(grpcPort);
    clients.push(client);
    const trailers = await new Promise<{ code: number; metadata: Metadata }>((resolve) => {
      const message = Buffer.concat([
        grpcSteps(limit),
        encode([parameter(4, 'timeout', 100_000n)]),
      ]);
      client.makeUnaryRequest(`${V2}ModelInfer`, asItIs, asItIs, message, (error) =>
        resolve({ code: error?.code ?? 0, metadata: error?.metadata ?? new Metadata() }),
      );
    });
    expect(trailers.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(Number(trailers.metadata.get('grpc-retry-pushback-ms')[0])).toBeGreaterThan(0);
    // Who has the time has an answer.
    const patient = ask(steps(limit, { timeout: 170_000_000 }));
    await until(async () => (await waiting()) === 21);
    for (const end of ends) end();
    expect((await patient).status).toBe(200);
    for (const reply of await Promise.all(many)) expect(reply.status).toBe(200);
    expect(await notRun('refused')).toBe(2);
  });

  it('of a header is judged before the body is sent', async () => {
    const { ends, many } = await crowd(30);
    const head = (length: number, ...more: string[]): string =>
      [
        `POST ${path('loop')} HTTP/1.1`,
        'Host: x',
        'X-Request-Timeout-Ms: 200',
        `Content-Length: ${length}`,
        ...more,
        '\r\n',
      ].join('\r\n');
    const kept = dialogue(head(500_000));
    expect(await kept.says(/\r\n\r\n\{.*\}/)).toMatch(/^HTTP\/1.1 429 (?!.*connection: close)/is);
    // Its body comes all the same, and what comes after it is answered.
    kept.write(Buffer.alloc(500_000));
    kept.write('GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await kept.says(/live/)).toContain('HTTP/1.1 200 OK');
    const asked = dialogue(head(500_000, 'Expect: 100-continue'));
    expect(await asked.says(/\}$/)).toMatch(/^HTTP\/1.1 429 .*connection: close/is);
    const large = dialogue(head(4 << 20));
    expect(await large.says(/\}$/)).toMatch(/^HTTP\/1.1 429 .*connection: close/is);
    // One that writes all of it before it reads has its answer, too.
    const last = dialogue(head(500_000, 'Connection: close'), false);
    for (let part = 0; part < 20; part++) {
      last.write(Buffer.alloc(25_000));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await last.says(/\}$/)).toMatch(/^HTTP\/1.1 429 .*connection: close/is);
    expect(await notRun('refused')).toBe(4);
    expect(
      await metric(port, 'onlite_server_model_requests_total', { ...quiet, outcome: 'overloaded' }),
    ).toBe(4);
    for (const end of ends) end();
    for (const reply of await Promise.all(many)) expect(reply.status).toBe(200);
  });

  it('of a header is not judged before the body where bodies have priorities', async () => {
    expect((await ask(steps(2, { priority: 2 }))).status).toBe(200);
    const { ends, many, limit } = await crowd(100);
    const { intervalMs } = server.models.find('loop').queue.time;
    const headers = { 'X-Request-Timeout-Ms': String(Math.ceil(50 * intervalMs)) };
    expect((await ask(steps(limit, {}, headers))).status).toBe(429);
    const urgent = ask(steps(2, { priority: 1 }, headers));
    await until(async () => (await waiting()) === 101);
    for (const end of ends) end();
    expect((await urgent).status).toBe(200);
    for (const reply of await Promise.all(many)) expect(reply.status).toBe(200);
  });

  it('is none that refuses everything after a run that was slow', async () => {
    const slow = await ask(steps(FOREVER, { timeout: 1_000_000 }));
    expect(slow.status).toBe(504);
    // As far as is known runs take a second.
    for (let run = 0; run < 20; run++) {
      expect((await ask(steps(2, { timeout: 500_000 }))).status).toBe(200);
    }
  });
});

describe('a client that leaves', () => {
  it('has its run ended, and what it waits for forgotten', async () => {
    const ends = await occupy();
    const leave = await begin(steps(2));
    await until(async () => (await waiting()) === 1);
    leave();
    await until(async () => (await waiting()) === 0);
    expect(await notRun('left')).toBe(1);
    for (const end of ends) end();
    expect((await ask(steps(2))).status).toBe(200);
  });

  it('has it so over gRPC', async () => {
    const { port: grpcPort } = await server.listenGrpc(0);
    const client = newClient(grpcPort);
    clients.push(client);
    const begun = (limit: number) =>
      client.makeUnaryRequest(`${V2}ModelInfer`, asItIs, asItIs, grpcSteps(limit), () => undefined);
    const runs = [begun(FOREVER), begun(FOREVER)];
    await until(async () => Promise.resolve(server.models.find('loop').queue.underWay === 2));
    const waits = begun(2);
    await until(async () => (await waiting()) === 1);
    waits.cancel();
    await until(async () => (await waiting()) === 0);
    for (const run of runs) run.cancel();
    expect(await callGrpc(client, `${V2}ModelInfer`, grpcSteps(2))).toMatchObject({
      code: status.OK,
    });
  });
});

describe('priorities', () => {
  it('are those of Triton, and those of RFC 9218', async () => {
    const limit = await longSteps();
    for (let run = 0; run < 10; run++) await ask(steps(limit));
    const ends = await occupy();
    const order: string[] = [];
    const asked = async (name: string, parameters: object, headers = {}): Promise<void> => {
      const before = (await waiting()) ?? 0;
      const reply = ask(steps(2, parameters, headers)).then(({ status: code }) => {
        expect(code).toBe(200);
        order.push(name);
      });
      all.push(reply);
      await until(async () => ((await waiting()) ?? 0) > before);
    };
    const all: Promise<void>[] = [];
    await asked('background', {}, { Priority: 'u=7, i' });
    await asked('none', {});
    await asked('urgent', {}, { Priority: 'u=0' });
    await asked('second', { priority: 2 });
    for (const end of ends) end();
    await Promise.all(all);
    expect(order).toEqual(['urgent', 'second', 'none', 'background']);
  });
});

describe('a queue', () => {
  it('has a bound, and more are told when to come again', async () => {
    await server.close();
    await start({ maxQueue: 3 });
    const ends = await occupy();
    const waits = [1, 2, 3].map(() => ask(steps(2)));
    await until(async () => (await waiting()) === 3);
    const refused = await ask(steps(2));
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(json(refused)).toEqual({ error: '3 requests wait for the model (maxQueue 3)' });
    for (const end of ends) end();
    for (const reply of await Promise.all(waits)) expect(reply.status).toBe(200);
  });

  it('has its waits told of beside the runs, which they are none of', async () => {
    const ends = await occupy();
    const reply = ask(steps(2));
    await until(async () => (await waiting()) === 1);
    const leastMs = 50;
    await new Promise((resolve) => setTimeout(resolve, leastMs));
    for (const end of ends) end();
    expect((await reply).status).toBe(200);
    const seconds = (phase: string): Promise<number | undefined> =>
      metric(port, 'onlite_server_request_duration_seconds_sum', { ...quiet, phase });
    const queued = (await seconds('queue')) ?? NaN;
    expect(queued).toBeGreaterThan(leastMs / 1e3);
    expect(await seconds('total')).toBeGreaterThan(queued + ((await seconds('run')) ?? NaN));
    const { model_stats: statistics } = json(await call(port, '/v2/models/loop/stats')) as {
      model_stats: { inference_stats: { queue: { ns: number } } }[];
    };
    expect(statistics[0]?.inference_stats.queue.ns).toBeGreaterThanOrEqual(queued * 1e9 - 1);
  });

  it('of one model holds up no other', async () => {
    await server.close();
    // More runs at a time than there are threads for.
    await start({ concurrency: 64 });
    const limit = await longSteps();
    expect((await ask(steps(2), 'other')).status).toBe(200);
    let answered = 0;
    const flood = Array.from({ length: 128 }, () => ask(steps(limit)).then(() => answered++));
    await until(async () => Promise.resolve(server.models.find('loop').queue.underWay === 64));
    const before = answered;
    expect((await ask(steps(2), 'other')).status).toBe(200);
    // It would wait for the 64 that were handed over before if threads took runs in their order.
    expect(answered - before).toBeLessThan(60);
    await Promise.all(flood);
  });
});
