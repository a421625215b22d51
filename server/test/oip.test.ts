import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { call, json, serve, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serve({ add: 'add4.onnx', lite: 'add4.tflite' });
});
afterAll(() => running.server.close());

const infer = (model: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  call(running.port, `/v2/models/${model}/infer`, { body, headers });

/** An Add of four floats, its inputs binary. */
function binaryRequest(more: object = {}) {
  const inputs = ['a', 'b'].map((name) => ({
    name,
    shape: [4],
    datatype: 'FP32',
    parameters: { binary_data_size: 16 },
  }));
  const head = JSON.stringify({ inputs, ...more });
  const tensors = Buffer.from(Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40).buffer);
  return {
    body: Buffer.concat([Buffer.from(head), tensors]),
    headers: { 'Inference-Header-Content-Length': String(head.length) },
  };
}

describe.each(['add', 'lite'])('infer of %s', (model) => {
  it('takes and gives JSON', async () => {
    const tensor = (name: string, data: unknown) => ({ name, shape: [4], datatype: 'FP32', data });
    const reply = await infer(
      model,
      JSON.stringify({ id: '7', inputs: [tensor('a', [1, 2, 3, 4]), tensor('b', [1, 1, 1, 0.5])] }),
    );
    expect(reply.status).toBe(200);
    expect(json(reply)).toEqual({
      id: '7',
      model_name: model,
      model_version: '1',
      outputs: [{ name: 'sum', datatype: 'FP32', shape: [4], data: [2, 3, 4, 4.5] }],
    });
  });

  it('takes and gives binary tensors', async () => {
    const { body, headers } = binaryRequest({ parameters: { binary_data_output: true } });
    const reply = await infer(model, body, headers);
    expect(reply.status).toBe(200);
    const length = Number(reply.headers['inference-header-content-length']);
    expect(JSON.parse(reply.text.slice(0, length))).toMatchObject({
      outputs: [{ name: 'sum', shape: [4], parameters: { binary_data_size: 16 } }],
    });
    expect(new Float32Array(new Uint8Array(reply.bytes.subarray(length)).buffer)).toEqual(
      Float32Array.of(11, 22, 33, 44),
    );
  });
});
