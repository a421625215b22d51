import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net';

import { HTTP, type CloudEvent } from 'cloudevents';
import { ModelWatch, type PayloadEventOptions } from 'onlite/watch';
import { afterEach, describe, expect, it } from 'vitest';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A sink that reads events with CloudEvents' own package. */
async function sink(status = 200): Promise<{ url: string; events: CloudEvent<unknown>[] }> {
  const events: CloudEvent<unknown>[] = [];
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part as string;
    return body;
  };
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      events.push(HTTP.toEvent({ headers: request.headers, body }) as CloudEvent<unknown>);
      response.writeHead(status).end();
    });
  });
  closing.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, events };
}

const open = async (events: PayloadEventOptions): Promise<ModelWatch> => {
  const watch = await ModelWatch.open({ model: 'add', version: '3', events });
  closing.push(() => watch.close());
  return watch;
};
const x = { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2.5) };
const n = { type: 'int64', dims: [1], data: BigInt64Array.of(7n) };
const y = { type: 'float32', dims: [1, 1], data: Float32Array.of(0.5) };

describe('payload events', () => {
  it('are CloudEvents as KServe sends them, with bodies of the Open Inference Protocol', async () => {
    const { url, events } = await sink();
    const watch = await open({ url, namespace: 'shop', inferenceService: 'adder' });
    watch.record({ requestId: 'a b/ü', inputs: { x, n }, outputs: { y }, time: 1000 });
    watch.record({ requestId: 'wrong', inputs: { x }, error: new Error('a wall') });
    await watch.flush();
    expect(watch.report().events).toEqual({ sent: 4, dropped: 0 });
    const of = (id: string, type: string): CloudEvent<unknown> | undefined =>
      events.find((event) => event.id === id && event.type.endsWith(type));
    const request = of('a%20b/%C3%BC', '.request');
    expect(request?.toJSON()).toMatchObject({
      specversion: '1.0',
      type: 'org.kubeflow.serving.inference.request',
      source: 'http://localhost/',
      time: '1970-01-01T00:00:01.000Z',
      inferenceservicename: 'adder',
      namespace: 'shop',
      component: 'predictor',
      endpoint: 'default',
      datacontenttype: 'application/json',
      data: {
        id: 'a b/ü',
        inputs: [
          { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2.5] },
          { name: 'n', shape: [1], datatype: 'INT64', data: [7] },
        ],
      },
    });
    expect(of('a%20b/%C3%BC', '.response')?.data).toEqual({
      model_name: 'add',
      model_version: '3',
      id: 'a b/ü',
      outputs: [{ name: 'y', shape: [1, 1], datatype: 'FP32', data: [0.5] }],
    });
    expect(of('wrong', '.response')?.data).toMatchObject({ error: 'a wall' });
  });

  it('are of requests as they were when they were asked', async () => {
    const { url, events } = await sink();
    const watch = await open({ url, mode: 'request' });
    const data = Float32Array.of(1);
    const end = watch.start({ inputs: { x: { type: 'float32', dims: [1], data } } });
    data[0] = 2;
    end({ outputs: { y } });
    await watch.flush();
    expect(events.map((event) => event.data)).toMatchObject([{ inputs: [{ data: [1] }] }]);
  });

  it('that are not taken, have no room or are too large are counted, and nobody waits', async () => {
    const { url } = await sink(503);
    const watch = await open({ url, maxWaiting: 2, maxElements: 2 });
    for (let request = 0; request < 10; request++) watch.record({ inputs: { x }, outputs: { y } });
    await watch.flush();
    expect(watch.report().events).toEqual({
      sent: 0,
      dropped: 20,
      failure: '503 Service Unavailable',
    });
    const large = { type: 'float32', dims: [3], data: new Float32Array(3) };
    watch.record({ inputs: { large }, outputs: { y } });
    expect(watch.report().events.failure).toBe('large has 3 elements, more than are sent');
    await watch.flush();
  });

  it('wait in bounded memory, and are counted where a request is not read', async () => {
    const { url } = await sink();
    const watch = await open({ url, maxWaiting: 1000, maxWaitingBytes: 1000 });
    for (let request = 0; request < 100; request++) watch.record({ inputs: { x }, outputs: { y } });
    const { dropped } = watch.report().events;
    expect(dropped).toBeGreaterThan(180);
    await watch.flush();
    expect(watch.report().events).toEqual({ sent: 200 - dropped, dropped });
    watch.record({ inputs: { x }, outputs: { y } });
    await watch.flush();
    expect(watch.report().events).toEqual({ sent: 202 - dropped, dropped });
    const many = { type: 'float32', dims: [10_001, 1], data: new Float32Array(10_001) };
    watch.record({ inputs: { many }, outputs: { many } });
    watch.record({ inputs: { many }, error: Object.assign(new Error('no'), { code: 'ERR_BUSY' }) });
    expect(watch.report()).toMatchObject({
      unread: 2,
      events: { dropped: dropped + 4 },
      errors: [{ kind: 'ERR_BUSY', count: 1 }],
    });
  });

  it('hold nobody up who closes, where their collector says nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createSocketServer((socket) => sockets.push(socket.on('error', () => socket)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const watch = await open({ url, timeoutMs: 3_600_000 });
    for (let request = 0; request < 10; request++) watch.record({ inputs: { x }, outputs: { y } });
    await watch.close();
    expect(watch.report().events).toEqual({
      sent: 0,
      dropped: 20,
      failure: 'closed before it was taken',
    });
  });

  it('go to nobody where nobody listens', async () => {
    const watch = await open({ url: 'http://127.0.0.1:9/' });
    watch.record({ inputs: { x }, outputs: { y } });
    await watch.close();
    expect(watch.report().events).toMatchObject({ sent: 0, dropped: 2 });
  });

  it.each([
    [{ url: 'ftp://a' }, /events\.url/],
    [{ url: 'none' }, /events\.url/],
    [{ url: 'http://a', mode: 'some' }, /events\.mode/],
    [{ url: 'http://a', maxWaiting: 0 }, /events\.maxWaiting/],
    [{ url: 'http://a', maxWaitingBytes: -1 }, /events\.maxWaitingBytes/],
    [{ url: 'http://a', namespace: 'a\r\nb' }, /events\.namespace/],
    [{ url: 'http://a', headers: { 'X-A': 'ü-secret' } }, /events\.headers\.X-A/],
    [{ url: 'http://a', headers: { 'X-A': 5 } }, /events\.headers\.X-A: .*got 5/],
    [{ url: 'http://a', headers: { 'X A': 'a-secret' } }, /events\.headers\.X A/],
    [{ url: 'http://a', headers: { '': 'a-secret' } }, /events\.headers\./],
    [{ url: 'http://a', headers: { connection: 'a-secret' } }, /events\.headers\.connection/],
    [{ url: 'http://a', headers: 5 }, /events\.headers: .*got 5/],
    [{ url: 'http://a', headers: ['a'] }, /events\.headers/],
    [{ url: 'http://user:a-secret@a/' }, /events\.url: .*http:\/\/…@a/],
    [{ url: 'ftp://user:a-secret@a/' }, /events\.url/],
    [{ url: 'http://user:a-secret@' }, /events\.url/],
    [{ url: 5 }, /events\.url/],
  ])('say what is wrong with %o', async (options, message) => {
    await expect(open(options as PayloadEventOptions)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message) as unknown,
    });
    await expect(open(options as PayloadEventOptions)).rejects.not.toMatchObject({
      message: expect.stringContaining('secret') as unknown,
    });
  });

  it('have the headers that are given, but their own ones as they are', async () => {
    const { url, events } = await sink();
    const headers = { Authorization: 'Bearer a', 'content-type': 'text/plain', 'Ce-Id': 'mine' };
    const watch = await open({ url, mode: 'request', headers });
    watch.record({ requestId: 'one', inputs: { x }, outputs: { y } });
    await watch.flush();
    expect(watch.report().events).toEqual({ sent: 1, dropped: 0 });
    expect(events).toMatchObject([{ id: 'one', datacontenttype: 'application/json' }]);
  });
});
