import { once } from 'node:events';
import {
  connect,
  constants,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { V2, callGrpc, infer, input, raw, serveGrpc, type RunningGrpc } from './grpc-support';
import { frame, framesOf, headBlock, preface, settings } from './frames';
import { decode, encode, floatsOf } from './protobuf';

const MAX_BYTES = 24 << 20;
const INFER = `${V2}ModelInfer`;

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc(
    { rows: 'identity_float32.onnx', loop: 'control_while.tflite' },
    { maxBodyBytes: MAX_BYTES },
  );
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

const message = encode(infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]));

/** As gRPC has messages: whether it is compressed, its length, its bytes. */
function framed(bytes: Buffer, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head[0] = Number(isCompressed);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

interface Reply {
  readonly status: number | undefined;
  readonly grpcStatus: number;
  readonly grpcMessage: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** By node:http2, which does no more than it is told. */
async function ask(
  session: ClientHttp2Session,
  body: readonly Buffer[] | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const stream = session.request({
    ':method': 'POST',
    ':path': INFER,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  let fields: IncomingHttpHeaders = {};
  const parts: Buffer[] = [];
  stream.on('response', (given) => (fields = { ...fields, ...given }));
  stream.on('trailers', (given) => (fields = { ...fields, ...given }));
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.on('error', () => undefined);
  for (const part of Buffer.isBuffer(body) ? [body] : body) stream.write(part);
  stream.end();
  await once(stream, 'close');
  return {
    status: fields[':status'] as number | undefined,
    grpcStatus: Number(fields['grpc-status'] ?? -1),
    grpcMessage: decodeURIComponent(String(fields['grpc-message'] ?? '')),
    headers: fields,
    body: Buffer.concat(parts),
  };
}

async function withSession<Result>(
  use: (session: ClientHttp2Session) => Promise<Result>,
  options?: SecureClientSessionOptions,
  port = running.grpcPort,
): Promise<Result> {
  const session = connect(`http://127.0.0.1:${port}`, options);
  session.on('error', () => undefined);
  try {
    return await use(session);
  } finally {
    session.destroy();
  }
}

const askOnce = (...args: [Buffer | readonly Buffer[], Record<string, string>?]): Promise<Reply> =>
  withSession((session) => ask(session, ...args));

const answer = ({ body }: Reply): number[] => {
  expect(body[0]).toBe(0);
  expect(body.readUInt32BE(1)).toBe(body.length - 5);
  return floatsOf(decode(body.subarray(5))[6]![0]);
};

const lives = async (): Promise<void> =>
  expect(await callGrpc(running.client, INFER, message)).toMatchObject({ code: status.OK });

describe('messages', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const)('may be compressed by %s', async (encoding, compress) => {
    const body = framed(compress(message), true);
    const reply = await askOnce(body, { 'grpc-encoding': encoding });
    expect(reply.grpcStatus).toBe(status.OK);
    expect(answer(reply)).toEqual([1, 2, 3]);
    expect(reply.headers['grpc-accept-encoding']).toBe('identity,deflate,gzip');
  });

  it.each<[string, Buffer | Buffer[], Record<string, string>, status, RegExp]>([
    [
      'damaged',
      framed(gzipSync(message).subarray(0, 30), true),
      { 'grpc-encoding': 'gzip' },
      status.INTERNAL,
      /not whole gzip/,
    ],
    [
      'much larger when they are unpacked',
      framed(gzipSync(Buffer.alloc(MAX_BYTES + 1)), true),
      { 'grpc-encoding': 'gzip' },
      status.RESOURCE_EXHAUSTED,
      /when it is unpacked/,
    ],
    [
      'compressed without a word',
      framed(gzipSync(message), true),
      {},
      status.INTERNAL,
      /grpc-encoding/,
    ],
    [
      'compressed otherwise',
      framed(message, true),
      { 'grpc-encoding': 'snappy' },
      status.UNIMPLEMENTED,
      /'snappy'/,
    ],
    ['two', [framed(message), framed(message)], {}, status.UNIMPLEMENTED, /there are more/],
    ['none', Buffer.alloc(0), {}, status.UNIMPLEMENTED, /there is none/],
    ['half', framed(message).subarray(0, 20), {}, status.INTERNAL, /in the middle/],
    ['half of what is before one', Buffer.alloc(3), {}, status.INTERNAL, /in the middle/],
    [
      'of no known kind',
      Buffer.concat([Buffer.of(7), framed(message).subarray(1)]),
      {},
      status.INTERNAL,
      /no message of gRPC/,
    ],
    [
      'said to be too long',
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2]),
      {},
      status.RESOURCE_EXHAUSTED,
      /4294967295 bytes/,
    ],
    ['late', framed(message), { 'grpc-timeout': 'soon' }, status.INTERNAL, /grpc-timeout/],
    [
      'for nobody',
      framed(message),
      { ':path': `${V2}None` },
      status.UNIMPLEMENTED,
      /there is no method/,
    ],
  ])('that are %s are refused', async (_, body, headers, code, words) => {
    const reply = await askOnce(body, headers);
    expect({ status: reply.status, code: reply.grpcStatus }).toEqual({ status: 200, code });
    expect(reply.grpcMessage).toMatch(words);
    expect(reply.body).toHaveLength(0);
    await lives();
  });

  it('come in pieces of any size', async () => {
    for (const size of [1, 2, 3, 7]) {
      const proxy = createServer((socket) => {
        const server = connectTcp(running.grpcPort, '127.0.0.1').setNoDelay(true);
        server.on('data', (bytes) => socket.write(bytes));
        socket.on('data', (bytes) => {
          for (let at = 0; at < bytes.length; at += size)
            server.write(bytes.subarray(at, at + size));
        });
        socket.on('close', () => server.destroy());
        for (const each of [socket, server]) each.on('error', () => each.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      const { port } = proxy.address() as AddressInfo;
      const reply = await withSession((session) => ask(session, framed(message)), {}, port);
      expect(answer(reply)).toEqual([1, 2, 3]);
      proxy.close();
    }
  });

  it('may be larger than all windows, both ways', async () => {
    const values = Float32Array.from({ length: 3 << 20 }, (_, index) => index % 1000);
    const bytes = Buffer.from(values.buffer);
    const large = encode(infer('rows', [input('x', 'FP32', [1 << 20, 3])], [[7, bytes]]));
    // A client with little room, which it gives again and again.
    const settings = { settings: { initialWindowSize: 20_000 } };
    const reply = await withSession((session) => ask(session, framed(large)), settings);
    expect(reply.grpcStatus).toBe(status.OK);
    expect(reply.body.readUInt32BE(1)).toBe(reply.body.length - 5);
    expect(reply.body.subarray(-bytes.length).equals(bytes)).toBe(true);
  });
});

it.each([
  ['another type', { 'content-type': 'application/json' }, 415],
  ['another method', { ':method': 'PUT' }, 405],
])('answers %s as HTTP does', async (_, headers, code) => {
  const reply = await askOnce(framed(message), headers);
  expect(reply).toMatchObject({ status: code, grpcStatus: -1 });
});

it('has a deadline', async () => {
  const steps = encode(
    infer(
      'loop',
      [input('limit', 'INT32', []), input('x', 'FP32', [3])],
      [[7, Buffer.from(Int32Array.of(0x7fff_ffff).buffer)], raw(1, 2, 3)],
    ),
  );
  const reply = await askOnce(framed(steps), { 'grpc-timeout': '200m' });
  expect(reply).toMatchObject({ status: 200, grpcStatus: status.DEADLINE_EXCEEDED });
  const nothing = await askOnce(framed(steps), { 'grpc-timeout': '1n' });
  expect(nothing.grpcStatus).toBe(status.DEADLINE_EXCEEDED);
});

describe('connections', () => {
  const goAwayOf = async (bytes: Buffer): Promise<number | undefined> => {
    const socket: Socket = connectTcp(running.grpcPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(bytes);
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    await once(socket, 'close');
    const goAway = framesOf(Buffer.concat(parts)).find(({ type }) => type === 7);
    return goAway?.payload.readUInt32BE(4);
  };
  const { NGHTTP2_PROTOCOL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_COMPRESSION_ERROR } =
    constants;

  it.each([
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), NGHTTP2_PROTOCOL_ERROR],
    [
      'garbage',
      Buffer.from('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 'latin1'),
      NGHTTP2_PROTOCOL_ERROR,
    ],
    [
      'no settings',
      Buffer.concat([preface, frame(6, 0, 0, Buffer.alloc(8))]),
      NGHTTP2_PROTOCOL_ERROR,
    ],
    [
      'a block that is none',
      Buffer.concat([preface, settings, frame(1, 5, 1, Buffer.of(0xff, 0xff, 0xff, 0xff))]),
      NGHTTP2_COMPRESSION_ERROR,
    ],
    [
      'a block without end',
      Buffer.concat([
        preface,
        settings,
        frame(1, 0, 1, Buffer.of(0x82)),
        ...Array.from({ length: 40 }, () => frame(9, 0, 1, Buffer.alloc(0))),
      ]),
      NGHTTP2_ENHANCE_YOUR_CALM,
    ],
    [
      'data that nobody has asked for',
      Buffer.concat([preface, settings, frame(0, 0, 1, Buffer.alloc(10))]),
      NGHTTP2_PROTOCOL_ERROR,
    ],
  ])('that begin with %s are ended with a reason', async (_, bytes, code) => {
    expect(await goAwayOf(bytes)).toBe(code);
    await lives();
  });

  it('that give up one request after the other are ended', async () => {
    const block = headBlock(INFER);
    const frames: Buffer[] = [preface, settings];
    for (let stream = 1; stream < 6000; stream += 2) {
      frames.push(frame(1, 4, stream, block), frame(3, 0, stream, Buffer.of(0, 0, 0, 8)));
    }
    expect(await goAwayOf(Buffer.concat(frames))).toBe(NGHTTP2_ENHANCE_YOUR_CALM);
    await lives();
  });

  it.each([
    ['pings', frame(6, 0, 0, Buffer.alloc(8))],
    ['settings', settings],
    ['priorities', frame(2, 0, 1, Buffer.of(0, 0, 0, 0, 16))],
    ['room for more', frame(8, 0, 0, Buffer.of(0, 0, 0, 1))],
    ['farewells', frame(7, 0, 0, Buffer.alloc(8))],
    ['frames of no known type', frame(99, 0, 0, Buffer.alloc(3))],
  ])('that send %s and nothing else are ended', async (_, idle) => {
    const frames = Array.from({ length: 2000 }, () => idle);
    expect(await goAwayOf(Buffer.concat([preface, settings, ...frames]))).toBe(
      NGHTTP2_ENHANCE_YOUR_CALM,
    );
    await lives();
  });

  it('that send no data over and over are ended', async () => {
    const frames = Array.from({ length: 2000 }, () => frame(0, 0, 1, Buffer.alloc(0)));
    const begun = [preface, settings, frame(1, 4, 1, headBlock(INFER))];
    expect(await goAwayOf(Buffer.concat([...begun, ...frames]))).toBe(NGHTTP2_ENHANCE_YOUR_CALM);
    await lives();
  });

  it('that ping between requests are answered', async () => {
    const block = headBlock(INFER);
    const pings = Array.from({ length: 600 }, () => frame(6, 0, 0, Buffer.alloc(8)));
    const frames: Buffer[] = [preface, settings];
    for (let stream = 1; stream < 20; stream += 2) {
      frames.push(...pings, frame(1, 4, stream, block), frame(3, 0, stream, Buffer.of(0, 0, 0, 8)));
    }
    // It ends by what comes last.
    frames.push(frame(5, 4, 1, Buffer.alloc(4)));
    expect(await goAwayOf(Buffer.concat(frames))).toBe(NGHTTP2_PROTOCOL_ERROR);
    await lives();
  });

  it('that have one request after the other given up are ended', async () => {
    const block = headBlock(INFER);
    const frames: Buffer[] = [preface, settings];
    for (let stream = 1; stream < 6000; stream += 2) {
      frames.push(frame(1, 4, stream, block), frame(8, 0, stream, Buffer.alloc(4)));
    }
    expect(await goAwayOf(Buffer.concat(frames))).toBe(NGHTTP2_ENHANCE_YOUR_CALM);
    await lives();
  });

  it('of damaged frames leave nothing behind', async () => {
    let state = 14;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state / 0x7fffffff;
    };
    // What a real client says, from the preface on.
    const recorded = await new Promise<Buffer>((resolve) => {
      const recorder = createServer((socket) => {
        const parts: Buffer[] = [];
        socket.on('data', (part: Buffer) => parts.push(part));
        socket.on('error', () => undefined);
        setTimeout(() => {
          socket.destroy();
          recorder.close();
          resolve(Buffer.concat(parts));
        }, 300);
      });
      recorder.listen(0, '127.0.0.1', () => {
        const { port } = recorder.address() as AddressInfo;
        void withSession((session) => ask(session, framed(message)), {}, port);
      });
    });
    const rounds = Number(process.env['ONLITE_TEST_REQUESTS'] ?? 1000);
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < rounds; round += 20) {
      const each = Array.from({ length: 20 }, async () => {
        const bytes = Buffer.from(recorded);
        for (let left = random() < 0.7 ? 1 : 4; left > 0; left--) {
          bytes[24 + Math.floor(random() * (bytes.length - 24))] = Math.floor(random() * 256);
        }
        const socket = connectTcp(running.grpcPort, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.resume();
        const closed = once(socket, 'close');
        socket.end(bytes.subarray(0, Math.ceil(random() * bytes.length * 1.3)));
        await closed;
      });
      await Promise.all(each);
    }
    await lives();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });

  it('are told that the server closes, and get the answers that they wait for', async () => {
    const { server, grpcPort, client } = await serveGrpc({ rows: 'identity_float32.onnx' });
    client.close();
    await withSession(
      async (session) => {
        const goAway = once(session, 'goaway');
        await ask(session, framed(message));
        const stream = session.request({
          ':method': 'POST',
          ':path': INFER,
          'content-type': 'application/grpc',
        });
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.write(framed(message).subarray(0, 12));
        await new Promise((resolve) => setTimeout(resolve, 100));
        const closed = server.close();
        expect((await goAway).slice(0, 2)).toEqual([constants.NGHTTP2_NO_ERROR, 3]);
        stream.end(framed(message).subarray(12));
        const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders];
        expect(trailers['grpc-status']).toBe('0');
        expect(Buffer.concat(parts).length).toBeGreaterThan(20);
        await closed;
      },
      {},
      grpcPort,
    );
  });
});
