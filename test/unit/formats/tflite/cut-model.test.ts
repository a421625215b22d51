import { describe, expect, it } from 'vitest';

import { InferenceSession } from '../../../../lib/engine/session/session';
import {
  cloneModel,
  cutModel,
  readTflite,
  withOutputs,
  writeTflite,
  type ModelT,
} from '../../../../lib/formats/tflite';
import { Network, numbers } from '../../optimize/quantize/tflite/network';

const SHAPE = [1, 8, 8, 3];

/** Two layers, a branch that only the end needs, and an output. */
function network(): { model: ModelT; middle: number } {
  const net = new Network();
  const first = net.conv(net.input(SHAPE), 8);
  const middle = net.add(first, net.depthwise(first));
  const pooled = net.pool('AVERAGE_POOL_2D', net.conv(middle, 4));
  return { model: net.output(net.unary('SOFTMAX', net.dense(net.mean(pooled), 5))), middle };
}

/** What a model gives, by the names of its tensors. */
async function run(bytes: Uint8Array): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(bytes, { executionProviders: ['cpu'] });
  const feeds = { x: { type: 'float32', data: numbers(8 * 8 * 3, 5), dims: SHAPE } };
  const outputs = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, value.data as Float32Array]),
  );
}

describe('cutModel', () => {
  it('computes the tensors that are asked for, and nothing that they do not need', async () => {
    const { model, middle } = network();
    const bytes = writeTflite(model);
    const name = model.subgraphs[0]?.tensors[middle]?.name ?? '';
    const whole = await run(withOutputs(bytes, [...(model.subgraphs[0]?.outputs ?? []), middle]));
    const cut = readTflite(bytes);
    expect(cutModel(cut, [middle])).toBe(true);
    expect(cut.subgraphs[0]?.operators).toHaveLength(3);
    expect(await run(writeTflite(cut))).toEqual({ [name]: whole[name] });
  });

  it('leaves a model as it is whose operators may do more', () => {
    const { model, middle } = network();
    const bytes = writeTflite(model);
    const [tensor] = model.subgraphs[0]?.tensors.slice(middle) ?? [];
    const stateful = readTflite(bytes);
    stateful.subgraphs[0]!.tensors.find(({ name }) => name === tensor?.name)!.isVariable = true;
    const before = writeTflite(stateful);
    expect(cutModel(stateful, [middle])).toBe(false);
    expect(writeTflite(stateful)).toEqual(before);
  });
});

describe('cloneModel', () => {
  it('gives a copy that shares the data', () => {
    const { model } = network();
    const before = writeTflite(model);
    const copy = cloneModel(model);
    expect(writeTflite(copy)).toEqual(before);
    const data = model.buffers.find((buffer) => buffer.data)?.data;
    expect(copy.buffers.some((buffer) => buffer.data === data)).toBe(true);
    copy.subgraphs[0]!.operators.pop();
    copy.subgraphs[0]!.tensors[0]!.name = 'other';
    expect(writeTflite(model)).toEqual(before);
  });
});
