import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';

import { afterEach, expect, it } from 'vitest';

import { frame, framesOf, headBlock, preface, settings } from './frames';
import { HEALTH, V2, infer, input, serveGrpc, type RunningGrpc } from './grpc-support';
import { encode } from './protobuf';

let running: RunningGrpc;
afterEach(async () => {
  running.client.close();
  await running.server.close();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const framed = (bytes: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

it('remember no block of fields that adds to the table', async () => {
  running = await serveGrpc({});
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  const path = Buffer.concat([Buffer.of(0x83, 0x86, 0x04), text('/none')]);
  const adding = Buffer.concat([
    path,
    Buffer.of(0x40),
    text('content-type'),
    text('application/grpc'),
  ]);
  const socket = connect(running.grpcPort, '127.0.0.1');
  socket.write(
    Buffer.concat([
      preface,
      settings,
      frame(1, 5, 1, adding),
      frame(1, 5, 3, adding),
      // What the first block has added, when the second one has added the same.
      frame(1, 5, 5, Buffer.concat([path, Buffer.of(0x80 | 63)])),
    ]),
  );
  const parts: Buffer[] = [];
  const ended = new Set<number>();
  socket.on('data', (part: Buffer) => {
    parts.push(part);
    for (const { type, flags, stream } of framesOf(Buffer.concat(parts))) {
      if (type === 7) socket.destroy();
      if (type === 1 && (flags & 1) !== 0) ended.add(stream);
    }
    if (ended.has(5)) socket.destroy();
  });
  await once(socket, 'close');
  expect([...ended]).toEqual([1, 3, 5]);
});

it('are told the last state of what they watch when they read again', async () => {
  running = await serveGrpc({ rows: 'identity_float32.onnx' });
  const session = connectHttp2(`http://127.0.0.1:${running.grpcPort}`, {
    settings: { initialWindowSize: 0 },
  });
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': `${HEALTH}Watch`,
    'content-type': 'application/grpc',
  });
  stream.end(framed(encode([])));
  const parts: Buffer[] = [];
  const changed = new Promise<void>((resolve) => {
    stream.on('data', (part: Buffer) => {
      parts.push(part);
      if (Buffer.concat(parts).length >= 14) resolve();
    });
  });
  await once(stream, 'response');
  await running.server.models.unload('rows', '1');
  // Longer than from one look to the next.
  await pause(1200);
  session.settings({ initialWindowSize: 65_535 });
  await changed;
  const states = [1, 2].map((state) => framed(encode([[1, state]])));
  expect(Buffer.concat(parts)).toEqual(Buffer.concat(states));
  session.destroy();
});

it('get the end of their answers when the server closes, however slowly they read', async () => {
  running = await serveGrpc({ rows: 'identity_float32.onnx' }, { maxBodyBytes: 24 << 20 });
  // The system takes an unknown part of an answer: of some of these it takes nearly all.
  const sizes = Array.from({ length: 12 }, (_, index) => (index + 1) * 60_000);
  const asked = sizes.map((count): { socket: Socket; bytes: number } => {
    const x = Buffer.alloc(count * 12);
    const message = framed(encode(infer('rows', [input('x', 'FP32', [count, 3])], [[7, x]])));
    const socket = connect(running.grpcPort, '127.0.0.1');
    const most = Buffer.alloc(6);
    most.writeUInt16BE(4);
    most.writeUInt32BE(0x7fff_ffff, 2);
    const more = Buffer.alloc(4);
    more.writeUInt32BE(0x7000_0000);
    socket.write(Buffer.concat([preface, frame(4, 0, 0, most), frame(8, 0, 0, more)]));
    socket.write(frame(1, 4, 1, headBlock(`${V2}ModelInfer`)));
    for (let at = 0; at < message.length; at += 16_384) {
      const part = message.subarray(at, at + 16_384);
      socket.write(frame(0, at + 16_384 >= message.length ? 1 : 0, 1, part));
    }
    return { socket, bytes: x.length };
  });
  await pause(1000);
  const closed = running.server.close();
  await pause(1500);
  const seen = asked.map(async ({ socket, bytes }) => {
    const parts: Buffer[] = [];
    socket.on('error', () => undefined).on('data', (part: Buffer) => parts.push(part));
    await once(socket, 'close');
    const frames = framesOf(Buffer.concat(parts));
    const data = frames.filter(({ type }) => type === 0);
    const length = data.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(length).toBeGreaterThan(bytes);
    expect(frames.some(({ type, flags }) => type === 1 && (flags & 1) !== 0)).toBe(true);
  });
  await Promise.all(seen);
  await closed;
});
