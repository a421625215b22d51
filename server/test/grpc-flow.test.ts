import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { frame, framesOf, headBlock, preface, settings, type SeenFrame } from './frames';
import { V2, infer, input, serveGrpc, type RunningGrpc } from './grpc-support';
import { encode } from './protobuf';

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc({ rows: 'identity_float32.onnx' });
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const streamWindow = (bytes: number): Buffer =>
  frame(4, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(bytes)]));
const grow = (stream: number, bytes: number): Buffer => frame(8, 0, stream, uint32(bytes));
const repeat = (count: number, bytes: Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes));

const FIRST_WINDOW = 65_535;

/** A connection that speaks frames, and what it has received. */
class Speaker {
  readonly socket: Socket = connect(running.grpcPort, '127.0.0.1');
  #parts: Buffer[] = [];

  constructor() {
    this.socket.on('error', () => undefined);
    this.socket.on('data', (part: Buffer) => this.#parts.push(part));
  }

  frames(): SeenFrame[] {
    return framesOf(Buffer.concat(this.#parts));
  }

  data(): number[] {
    return this.frames().flatMap(({ type, payload }) => (type === 0 ? [payload.length] : []));
  }

  /** Of an answer of 1 MiB on a stream. */
  ask(stream: number): void {
    const count = 2 ** 20 / 12;
    const x = Buffer.alloc(Math.floor(count) * 12);
    const bytes = encode(infer('rows', [input('x', 'FP32', [Math.floor(count), 3])], [[7, x]]));
    const message = Buffer.concat([Buffer.of(0), uint32(bytes.length), bytes]);
    this.socket.write(frame(1, 4, stream, headBlock(`${V2}ModelInfer`)));
    for (let at = 0; at < message.length; at += 16_384) {
      const isLast = at + 16_384 >= message.length;
      this.socket.write(frame(0, isLast ? 1 : 0, stream, message.subarray(at, at + 16_384)));
    }
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      if (this.socket.closed) throw new Error('the server has hung up');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Of bytes of data, all streams together. */
  untilData(bytes: number): Promise<void> {
    return this.until(() => this.data().reduce((sum, size) => sum + size, 0) >= bytes);
  }

  /** What a GOAWAY says: the number of the error. */
  async ended(): Promise<number | undefined> {
    await once(this.socket, 'close');
    return this.frames()
      .find(({ type }) => type === 7)
      ?.payload.readUInt32BE(4);
  }
}

describe('flow control', () => {
  it('uses what frames that come together give at once', async () => {
    const speaker = new Speaker();
    speaker.socket.write(Buffer.concat([preface, streamWindow(0x7fff_ffff)]));
    speaker.ask(1);
    await speaker.untilData(FIRST_WINDOW);
    const before = speaker.data().length;
    speaker.socket.write(repeat(1000, grow(0, 1)));
    await speaker.untilData(FIRST_WINDOW + 1000);
    // One by one they would be a thousand; the system may deliver them in some parts.
    expect(speaker.data().length - before).toBeLessThan(20);
    speaker.socket.destroy();
  });

  it('follows what is said of streams, below zero and above', async () => {
    const speaker = new Speaker();
    speaker.socket.write(Buffer.concat([preface, streamWindow(1000)]));
    speaker.socket.write(grow(0, 1 << 24));
    speaker.ask(1);
    await speaker.untilData(1000);
    // 1,000 were sent: there is room for none until there is for more than these.
    speaker.socket.write(
      Buffer.concat([streamWindow(10), grow(1, 990), frame(6, 0, 0, Buffer.alloc(8))]),
    );
    await speaker.until(() => speaker.frames().some(({ type }) => type === 6));
    expect(speaker.data()).toEqual([1000]);
    speaker.socket.write(grow(1, 500));
    await speaker.untilData(1500);
    expect(speaker.data()).toEqual([1000, 500]);
    speaker.socket.write(streamWindow(200));
    await speaker.untilData(1690);
    speaker.socket.write(streamWindow(0x7000_0000));
    await speaker.untilData(2 ** 20);
    speaker.socket.destroy();
  });

  it.each([
    ['of the connection', grow(0, 0x7fff_ffff)],
    ['of a stream, by a setting', Buffer.concat([grow(1, 0x7fff_0000), streamWindow(0x7fff_ffff)])],
    ['that a stream begins with', streamWindow(0x8000_0000)],
  ])('ends connections with a window %s that is too large', async (_, bytes) => {
    const speaker = new Speaker();
    speaker.socket.write(Buffer.concat([preface, streamWindow(1000)]));
    speaker.ask(1);
    await speaker.untilData(1000);
    speaker.socket.write(bytes);
    expect(await speaker.ended()).toBe(3);
  });
});

describe('clients that read nothing', () => {
  const head = headBlock('/none');
  const MOST = 256 << 20;

  it.each([
    ['requests for what is not there', (stream: number) => frame(1, 5, stream, head)],
    ['malformed requests', (stream: number) => frame(1, 5, stream, Buffer.of(0x83))],
    ['pings', () => frame(6, 0, 0, Buffer.alloc(8))],
    ['settings', () => settings],
  ])('are ended while they send %s', async (_, next) => {
    const socket = connect(running.grpcPort, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(Buffer.concat([preface, settings]));
    // An error is an end like others.
    const heard = (event: string) => new Promise<void>((resolve) => socket.once(event, resolve));
    let isOpen = true as boolean;
    const closed = heard('close').then(() => void (isOpen = false));
    let sent = 0;
    for (let stream = 1; isOpen && sent < MOST;) {
      const frames = Array.from({ length: 2000 }, (__, index) => next(stream + 2 * index));
      stream += 4000;
      const bytes = Buffer.concat(frames);
      sent += bytes.length;
      if (!socket.write(bytes)) await Promise.race([heard('drain'), closed]);
    }
    expect(sent).toBeLessThan(MOST);
  });
});
