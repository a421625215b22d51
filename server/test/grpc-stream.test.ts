import { once } from 'node:events';
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';

import { status, type ClientDuplexStream } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  HEALTH,
  V2,
  asItIs,
  callGrpc,
  infer,
  input,
  newClient,
  raw,
  serveGrpc,
  type RunningGrpc,
} from './grpc-support';
import { decode, encode, floatsOf, inside, texts } from './protobuf';
import { metric } from './versions-support';

let running: RunningGrpc;
beforeEach(async () => {
  running = await serveGrpc({ rows: 'identity_float32.onnx', matmul: 'matmul_float32.onnx' });
});
afterEach(async () => {
  running.client.close();
  await running.server.close();
});

const request = (value: number, model = 'rows', id = String(value)) =>
  encode(infer(model, [input('x', 'FP32', [1, 3])], [[3, id], raw(value, value, value)]));

function open(client = running.client) {
  const stream: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    `${V2}ModelStreamInfer`,
    asItIs,
    asItIs,
  );
  const messages: Buffer[] = [];
  const ended = new Promise<{ code: status; details: string }>((resolve) => {
    stream.on('status', resolve);
  });
  stream.on('data', (message: Buffer) => messages.push(message));
  // What ends a stream is its status.
  stream.on('error', () => undefined);
  return { stream, messages, ended };
}

describe('ModelStreamInfer', () => {
  it('answers each message in its turn, and goes on after one that is wrong', async () => {
    const { stream, messages, ended } = open();
    for (let value = 0; value < 40; value++) {
      stream.write(value % 10 === 3 ? request(value, 'none') : request(value));
    }
    stream.end();
    expect(await ended).toMatchObject({ code: status.OK });
    expect(messages).toHaveLength(40);
    for (const [value, message] of messages.entries()) {
      const answer = decode(message);
      const response = inside(answer, 2);
      expect(texts(response[3])).toEqual([String(value)]);
      if (value % 10 === 3) expect(texts(answer[1])[0]).toMatch(/no model is called 'none'/);
      else {
        expect(answer[1]).toBeUndefined();
        expect(floatsOf(response[6]![0])).toEqual([value, value, value]);
        expect(texts(inside(response, 4)[1])).toEqual(['triton_final_response']);
      }
    }
  });

  it('ends with INTERNAL at what is no message', async () => {
    const { stream, ended } = open();
    stream.write(Buffer.of(0x0a, 0x7f));
    expect(await ended).toMatchObject({ code: status.INTERNAL });
  });

  it('is no longer in flight after a message that cannot be unpacked', async () => {
    const session = connect(`http://127.0.0.1:${running.grpcPort}`);
    const call = session.request({
      ':method': 'POST',
      ':path': `${V2}ModelStreamInfer`,
      'content-type': 'application/grpc',
      'grpc-encoding': 'gzip',
    });
    const packed = gzipSync(request(1)).subarray(0, 30);
    const head = Buffer.of(1, 0, 0, 0, packed.length);
    call.on('response', () => call.resume());
    call.end(Buffer.concat([head, packed]));
    await once(call, 'close');
    session.destroy();
    const labels = { transport: 'grpc' };
    const name = 'onlite_server_requests_in_flight';
    expect(await metric(running.port, name, labels)).toBe(0);
  });

  it('is ended when the server closes', async () => {
    const { stream, messages, ended } = open();
    stream.write(request(1));
    await new Promise((resolve) => stream.once('data', resolve));
    const closed = running.server.close();
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
    await closed;
    expect(messages).toHaveLength(1);
  });
});

it('watches health, and tells those who watch that it ends', async () => {
  const watch = running.client.makeServerStreamRequest(
    `${HEALTH}Watch`,
    asItIs,
    asItIs,
    encode([]),
  );
  const states: unknown[] = [];
  const seen = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => states.length >= count && resolve();
      watch.on('data', look);
      look();
    });
  watch.on('data', (message: Buffer) => states.push(decode(message)[1]?.[0]));
  watch.on('error', () => undefined);
  const ended = new Promise<{ code: status }>((resolve) => watch.on('status', resolve));
  await seen(1);
  await running.server.models.unload('rows', '1');
  await running.server.models.unload('matmul', '1');
  await seen(2);
  expect(states).toEqual([1n, 2n]);
  await running.server.close();
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
});

it('lives on when clients leave in mid-call', async () => {
  for (let round = 0; round < 30; round++) {
    const client = newClient(running.grpcPort);
    const { stream } = open(client);
    const calls = Array.from({ length: 4 }, () => {
      const call = client.makeUnaryRequest(
        `${V2}ModelInfer`,
        asItIs,
        asItIs,
        request(round),
        () => undefined,
      );
      return call;
    });
    for (let value = 0; value < 5; value++) stream.write(request(value));
    // At different moments: before, while and after it is answered.
    await new Promise((resolve) => setTimeout(resolve, round % 6));
    if (round % 2 === 0) client.close();
    for (const call of calls) call.cancel();
    stream.cancel();
    client.close();
  }
  const reply = await callGrpc(running.client, `${V2}ModelInfer`, request(1));
  expect(reply.code).toBe(status.OK);
});
