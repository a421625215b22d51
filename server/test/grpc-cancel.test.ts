import { status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  V2,
  asItIs,
  callGrpc,
  infer,
  input,
  parameter,
  raw,
  serveGrpc,
  type RunningGrpc,
} from './grpc-support';
import { encode } from './protobuf';

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc({ loop: 'control_while.tflite' });
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

/** A run of so many steps: the model has one at a time, so another waits for its end. */
const steps = (limit: number) =>
  encode(
    infer(
      'loop',
      [input('limit', 'INT32', []), input('x', 'FP32', [3])],
      [[7, Buffer.from(Int32Array.of(limit).buffer)], raw(1, 2, 3)],
    ),
  );
const FOREVER = 0x7fff_ffff;

describe('a run without end is given up', () => {
  const others = async () =>
    expect(await callGrpc(running.client, `${V2}ModelInfer`, steps(2))).toMatchObject({
      code: status.OK,
    });

  it('when the client leaves', async () => {
    const left = new Promise<ServiceError | null>((resolve) => {
      const call = running.client.makeUnaryRequest(
        `${V2}ModelInfer`,
        asItIs,
        asItIs,
        steps(FOREVER),
        (error) => resolve(error),
      );
      setTimeout(() => call.cancel(), 300);
    });
    expect(await left).toMatchObject({ code: status.CANCELLED });
    await others();
  });

  it('when the time that the request has is over', async () => {
    const message = Buffer.concat([steps(FOREVER), encode([parameter(4, 'timeout', 300_000n)])]);
    const reply = await callGrpc(running.client, `${V2}ModelInfer`, message);
    expect(reply.code).toBe(status.DEADLINE_EXCEEDED);
    await others();
  });
});
