import { gzipSync } from 'node:zlib';

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  PREDICTION,
  V2,
  callGrpc,
  infer,
  input,
  raw,
  serveGrpc,
  type RunningGrpc,
} from './grpc-support';
import { call, post } from './support';

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc({ rows: 'identity_float32.onnx' });
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

const alive = async () => {
  const message = infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]);
  return (await callGrpc(running.client, `${V2}ModelInfer`, message)).code;
};

/** Two bytes each, and far more in memory: a message may not have as many as its bytes allow. */
describe('more values than there may be', () => {
  it.each([
    ['inputs', `${V2}ModelInfer`, 5],
    ['outputs', `${V2}ModelInfer`, 6],
    ['raw contents', `${V2}ModelInfer`, 7],
    ['parameters', `${V2}ModelInfer`, 4],
    ['TensorFlow Serving’s inputs', `${PREDICTION}Predict`, 2],
    ['TensorFlow Serving’s filters', `${PREDICTION}Predict`, 3],
    ['examples', `${PREDICTION}Classify`, 2],
  ])('are refused as %s over gRPC', async (_what, path, field) => {
    const message = Buffer.alloc(4 << 20);
    for (let at = 0; at < message.length; at += 2) message[at] = (field << 3) | 2;
    const { code } = await callGrpc(running.client, path, message);
    expect(code).not.toBe(status.OK);
    expect(await alive()).toBe(status.OK);
  });

  it.each([
    [
      '/v2/models/rows/infer',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}],"outputs":[',
    ],
    ['/v2/models/rows/infer', '{"inputs":['],
    ['/v1/models/rows:classify', '{"examples":['],
  ])('are refused by %s in JSON', async (path, begin) => {
    const body = `${begin}${'{},'.repeat(3 << 20)}{}]}`;
    const packed = gzipSync(body);
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const reply = await call(running.port, path, post(packed, headers));
    expect(reply.status).toBe(400);
    expect(await alive()).toBe(status.OK);
  });
});
