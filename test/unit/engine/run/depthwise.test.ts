import { expect, it } from 'vitest';

import { InferenceSession } from '../../../../lib/engine/session/session';
import { Tensor } from '../../../../lib/engine/tensor/tensor';
import { writeTflite } from '../../../../lib/formats/tflite';
import { Network } from '../../optimize/quantize/tflite/network';

// XNNPACK reads as many channels of the input as the filter has, and may end the process with that.

function depthwise(channels: number, filters: number, depthMultiplier: number): Uint8Array {
  const net = new Network();
  const inputs = [
    net.input([1, 32, 32, channels]),
    net.floats([1, 3, 3, filters]),
    net.floats([filters]),
  ];
  const options = { padding: 1, strideW: 1, strideH: 1, depthMultiplier };
  const output = net.operator(
    'DEPTHWISE_CONV_2D',
    inputs,
    [1, 30, 30, filters],
    ['DepthwiseConv2DOptions', options],
  );
  return writeTflite(net.output(output));
}

async function run(model: Uint8Array, channels: number): Promise<readonly number[]> {
  const session = await InferenceSession.create(model, {
    executionProviders: ['xnnpack'],
    resizeInputs: true,
  });
  try {
    const dims = [1, 32, 32, channels];
    const x = new Tensor('float32', new Float32Array(32 * 32 * channels), dims);
    return Object.values(await session.run({ x }))[0]!.dims;
  } finally {
    await session.release();
  }
}

it.each([
  ['too many filters', depthwise(2, 4000, 1), 2],
  ['too few filters', depthwise(4, 2, 1), 4],
  ['an input with fewer channels than declared', depthwise(4000, 4000, 1), 2],
])('refuses a depthwise convolution with %s', async (_, model, channels) => {
  await expect(run(model, channels)).rejects.toMatchObject({
    code: 'ERR_SHAPE_MISMATCH',
    cause: {
      message: expect.stringMatching(/^subgraphs\[0\].*the filter has \d+ channels/) as string,
    },
  });
});

it('runs one that fits, or leaves it to the runtime to say how', async () => {
  expect(await run(depthwise(2, 4, 2), 2)).toEqual([1, 30, 30, 4]);
  expect(await run(depthwise(2, 4, 0), 2)).toEqual([1, 30, 30, 4]);
});
