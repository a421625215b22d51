// What connections may do, and for how long: by sockets, as no client of HTTP would do it.
import { connect, type Socket } from 'node:net';

import { createServer, type ModelServer, type ServerOptions } from '@onlite/server';
import { afterEach, describe, expect, it } from 'vitest';

import { V2 } from './grpc-support';
import { frame, framesOf, headBlock, preface } from './frames';
import { call, fixture } from './support';

let server: ModelServer;
let port: number;
const open: Socket[] = [];

async function start(options: ServerOptions): Promise<void> {
  server = createServer(options);
  await server.load({ name: 'rows', version: '1', file: fixture('identity_float32.onnx') });
  ({ port } = await server.listen(0));
}
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await server.close();
});

/** A connection with something said; `all` is what has come when it was closed by the server. */
function say(text: string | Buffer, to = port): { socket: Socket; all: Promise<string> } {
  const socket = connect(to, '127.0.0.1');
  open.push(socket);
  socket.on('error', () => undefined);
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.write(text);
  const all = new Promise<string>((resolve) => {
    socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
  });
  return { socket, all };
}
const alive = 'GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n';
const post = 'POST /v2/models/rows/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n';

describe('a connection', () => {
  it('without a request stays open for as long as it may', async () => {
    await start({ timeouts: { keepAliveMs: 1000 } });
    const { all } = say(alive);
    const text = await all;
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toContain('Keep-Alive: timeout=1');
  });

  it('is told that it stays open for 75 s', async () => {
    await start({});
    const { headers } = await call(port, '/v2/health/live', {
      headers: { Connection: 'keep-alive' },
    });
    expect(headers['keep-alive']).toBe('timeout=75');
  });

  it('whose headers or body do not come is told so and closed', async () => {
    await start({ timeouts: { headersMs: 500, requestMs: 1000 } });
    const [headers, body] = await Promise.all([
      say('POST /v2/models/rows/infer HTTP/1.1\r\nHost').all,
      say(`${post}\r\n{"inputs"`).all,
    ]);
    expect(headers).toMatch(/^HTTP\/1\.1 408 /);
    // What has begun to be answered is cut.
    expect(body === '' || body.startsWith('HTTP/1.1 408 ')).toBe(true);
    expect((await call(port, '/v2/health/live')).status).toBe(200);
  });

  it('that never said anything is closed without a word, and hundreds at once hold nobody up', async () => {
    await start({ timeouts: { headersMs: 500 } });
    const silent = Array.from({ length: 300 }, () => say('').all);
    const answers: number[] = [];
    let left = silent.length;
    for (const all of silent) void all.then(() => (left -= 1));
    while (left > 0) answers.push((await call(port, '/v2/health/live')).status);
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(new Set(await Promise.all(silent))).toEqual(new Set(['']));
  });

  it('that was refused is closed, though its client leaves its own side open', async () => {
    await start({ timeouts: { headersMs: 300, requestMs: 600 }, maxConnections: 3 });
    const texts = ['POST /v2 HTT', 'nonsense\r\n\r\n', `${post}\r\n{"inputs"`];
    const silent = texts.map((text) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      open.push(socket);
      socket.on('error', () => undefined);
      socket.write(text);
      return new Promise((resolve) => socket.resume().once('end', resolve));
    });
    await Promise.all(silent);
    // All places are theirs until they are closed.
    let reply: Awaited<ReturnType<typeof call>> | undefined;
    while (reply === undefined) reply = await call(port, '/v2/health/live').catch(() => undefined);
    expect(reply.status).toBe(200);
  });

  it('with more than 16 KiB of header fields is told so', async () => {
    await start({});
    const { all } = say(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(await all).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('is closed at once when there are as many as there may be, of HTTP and of gRPC', async () => {
    await start({ maxConnections: 3 });
    const { port: grpcPort } = await server.listenGrpc(0);
    for (const at of [port, grpcPort]) {
      const first = [1, 2, 3].map(() => say(at === port ? alive : preface, at));
      await Promise.all(
        first.map(({ socket }) => new Promise((resolve) => socket.once('data', resolve))),
      );
      expect(await say(at === port ? alive : preface, at).all).toBe('');
      const gone = first.map(({ socket, all }) => {
        socket.destroy();
        return all;
      });
      await Promise.all(gone);
    }
    // As soon as one is free there is room again.
    let reply: Awaited<ReturnType<typeof call>> | undefined;
    while (reply === undefined) reply = await call(port, '/v2/health/live').catch(() => undefined);
    expect(reply.status).toBe(200);
  });

  it('of gRPC has no more than 1000 streams', async () => {
    await start({});
    const { port: grpcPort } = await server.listenGrpc(0);
    const streams = Array.from({ length: 1001 }, (_, index) =>
      frame(1, 4, 2 * index + 1, headBlock(`${V2}ModelInfer`)),
    );
    const { socket } = say(Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(0))]), grpcPort);
    const parts: Buffer[] = [];
    const refused = new Promise<ReturnType<typeof framesOf>>((resolve) => {
      socket.on('data', (part: Buffer) => {
        parts.push(part);
        const found = framesOf(Buffer.concat(parts)).filter(({ type }) => type === 3);
        if (found.length > 0) resolve(found);
      });
    });
    socket.write(Buffer.concat(streams));
    const [reset] = await refused;
    expect(reset?.stream).toBe(2001);
    // REFUSED_STREAM: it may be sent again.
    expect(reset?.payload.readUInt32BE(0)).toBe(7);
  });
});
