import type { Worker } from 'node:worker_threads';

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { V2, callGrpc, infer, input, newClient, raw } from './grpc-support';
import { encode } from './protobuf';
import { call, fixture, json, post, serve, type Reply, type Running } from './support';

const request = post({ instances: [[1, 2, 3]] });
const predict = '/v1/models/rows:predict';

/** Several sockets may have an address, and the kernel spreads connections over them. */
const spreads = process.platform === 'linux';

describe.runIf(spreads)('a server of several threads', () => {
  const workers: Worker[] = [];
  const onWorker = (worker: Worker): void => void workers.push(worker);
  let running: Running;
  beforeAll(async () => {
    process.on('worker', onWorker);
    running = await serve({ rows: 'identity_float32.onnx' }, { workers: 3, control: true });
  });
  afterAll(async () => {
    process.off('worker', onWorker);
    await running.server.close();
  });

  /** Each by a connection of its own. */
  const many = (count: number): Promise<Reply[]> =>
    Promise.all(Array.from({ length: count }, () => call(running.port, predict, request)));
  const metric = async (name: string): Promise<number> => {
    const { text } = await call(running.port, '/metrics');
    return Number(new RegExp(`^${name}\\{[^}]*\\} (.*)$`, 'm').exec(text)?.[1]);
  };

  it('answers in all of them, and counts what all have answered', async () => {
    expect(workers).toHaveLength(2);
    for (const { status, text } of await many(60)) {
      expect({ status, text }).toEqual({
        status: 200,
        text: expect.stringContaining('[1.0,2.0,3.0]') as string,
      });
    }
    expect(await metric('onlite_server_requests_total')).toBe(60);
    expect(await metric('onlite_runs_total')).toBe(60);
  });

  it('answers gRPC in all of them, each connection by one', async () => {
    const { port } = await running.server.listenGrpc(0);
    const before = await metric('onlite_server_requests_total');
    const request = encode(infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]));
    const clients = Array.from({ length: 12 }, () => newClient(port));
    const replies = await Promise.all(
      clients.map((client) => callGrpc(client, `${V2}ModelInfer`, request)),
    );
    for (const client of clients) client.close();
    expect(replies.map(({ code }) => code)).toEqual(Array(12).fill(status.OK));
    expect(await metric('onlite_server_requests_total')).toBe(before + 12);
    await expect(running.server.listenGrpc(0)).rejects.toThrow(/already/);
  });

  it('serves what is loaded, labelled and unloaded later in all of them', async () => {
    const { server, port } = running;
    await server.load({ name: 'late', version: '7', file: fixture('add4.onnx') });
    server.models.setLabels('late', { stable: '7' });
    const ready = () =>
      Promise.all(Array.from({ length: 30 }, () => call(port, '/v2/models/late/versions/7/ready')));
    expect((await ready()).map(({ status }) => status)).toEqual(Array(30).fill(200));
    const labelled = await call(port, '/v1/models/late/labels/stable');
    expect(json(labelled)).toMatchObject({ name: 'late', ready: true });
    // Any of the threads may be asked to; the first does it for all.
    const unload = await call(port, '/v2/repository/models/late/unload', { method: 'POST' });
    expect(unload.status).toBe(200);
    expect((await ready()).map(({ status }) => status)).toEqual(Array(30).fill(404));
    const wrong = await Promise.all(
      Array.from({ length: 10 }, () =>
        call(port, '/v2/repository/models/none/load', { method: 'POST' }),
      ),
    );
    expect(wrong.map(({ status }) => status)).toEqual(Array(10).fill(404));
  });

  it('goes on when one ends, and has another in its place', async () => {
    const started = new Promise((resolve) => {
      process.once('worker', resolve);
    });
    const statuses: (number | string)[] = [];
    const ask = async (): Promise<void> => {
      try {
        statuses.push((await call(running.port, predict, request)).status);
      } catch (error) {
        // Of the thread that ended.
        statuses.push(String((error as NodeJS.ErrnoException).code));
      }
    };
    const asking = (async () => {
      for (let round = 0; round < 100; round++) await Promise.all([ask(), ask(), ask()]);
    })();
    await workers[0]?.terminate();
    await asking;
    const answered = statuses.filter((status) => status === 200).length;
    expect(new Set(statuses.filter((status) => typeof status === 'number'))).toEqual(
      new Set([200]),
    );
    expect(answered).toBeGreaterThan(200);
    await started;
    expect(workers).toHaveLength(3);
    // Models are where they were, and the new one serves them.
    await running.server.load({ name: 'other', version: '1', file: fixture('add4.onnx') });
    for (const { status } of await many(60)) expect(status).toBe(200);
    const others = await Promise.all(
      Array.from({ length: 30 }, () => call(running.port, '/v2/models/other/ready')),
    );
    expect(others.map(({ status }) => status)).toEqual(Array(30).fill(200));
  });
});

it('refuses a number of threads that is none', async () => {
  const { createServer } = await import('@onlite/server');
  expect(() => createServer({ workers: 0 })).toThrow(/options\.workers/);
  expect(() => createServer({ workers: 1.5 })).toThrow(/options\.workers/);
});
