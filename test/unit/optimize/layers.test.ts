import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { InferenceSession, Tensor } from 'onlite';
import { compareLayers, type LayerComparison } from 'onlite/optimize';
import { afterAll, describe, expect, it } from 'vitest';

import { readTfliteModel, withOutputs } from '../../../lib/formats/tflite';
import { compareSomeLayers } from '../../../lib/optimize/layers/compare-layers';
import { encodeOnnx, float32, type OnnxNode } from '../../integration/onnx-encoder';

const models = path.join(import.meta.dirname, '../../fixtures/models');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'onlite-layers-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function write(name: string, bytes: Uint8Array): string {
  const file = path.join(scratch, name);
  writeFileSync(file, bytes);
  return file;
}

const session = { logSeverityLevel: 4 } as const;
const values = (dims: number[], scale = 1): Tensor<'float32'> => {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, index) => scale * Math.sin(index + 1)),
    dims,
  );
};

const compare = (
  reference: string,
  candidate: string,
  feeds: Record<string, Tensor>,
): Promise<LayerComparison> =>
  compareLayers([reference, candidate], [{ feeds }, { feeds }], { session });

const node = (op: string, inputs: string[], output: string): OnnxNode => ({
  op,
  inputs,
  outputs: [output],
});

function onnx(name: string, nodes: OnnxNode[], scaleName = 'scale'): string {
  const value = (label: string) => ({ name: label, type: float32, dims: ['n', 4] });
  const scale = { name: scaleName, dims: [], data: Float32Array.of(0.02) };
  const graph = { inputs: [value('x')], outputs: [value('y')], nodes, initializers: [scale] };
  return write(name, encodeOnnx(graph));
}

const reference = onnx('reference.onnx', [
  node('Relu', ['x'], 'h'),
  node('Sigmoid', ['h'], 's'),
  node('Neg', ['s'], 'y'),
]);
const x = values([2, 4]);

describe('layers of ONNX models', () => {
  it('are the same in the same model', async () => {
    const { layers, partsAt } = await compare(reference, reference, { x });
    expect(layers.map(({ name, operator }) => [name, operator])).toEqual([
      ['h', 'Relu'],
      ['s', 'Sigmoid'],
      ['y', 'Neg'],
    ]);
    expect(layers.every(({ difference }) => difference.maxError === 0)).toBe(true);
    expect(layers[0]!.difference.count).toBe(16);
    expect(partsAt).toBeUndefined();
  });

  it('are as far apart where some are looked at, and one model after the other', async () => {
    const other = onnx('swish.onnx', [
      node('Relu', ['x'], 'h'),
      node('HardSigmoid', ['h'], 's'),
      node('Neg', ['s'], 'y'),
    ]);
    const samples = [{ feeds: { x } }, { feeds: { x: values([2, 4], 3) } }];
    const files = [reference, other] as const;
    const { layers } = await compareLayers(files, samples);
    for (const apart of [false, true]) {
      const some = await compareSomeLayers(files, samples, { only: new Set(['h', 's']), apart });
      expect(some.layers).toEqual(layers.filter(({ name }) => name !== 'y'));
    }
  });

  it('part where an operator is another', async () => {
    const other = onnx('other.onnx', [
      node('Relu', ['x'], 'h'),
      node('Tanh', ['h'], 's'),
      node('Neg', ['s'], 'y'),
    ]);
    const { layers, partsAt } = await compare(reference, other, { x });
    expect(partsAt).toBe('s');
    const [first, second, last] = layers;
    expect([first!.addedNoise, first!.difference.sqnr]).toEqual([0, Infinity]);
    expect(second!.addedNoise).toBeGreaterThan(0.01);
    // It has the noise of what it is computed from, and adds none.
    expect(last!.difference.sqnr).toBeCloseTo(second!.difference.sqnr, 6);
    expect(last!.addedNoise).toBeLessThan(1e-6);
  });

  it('are followed through the quantiser’s names', async () => {
    const quantised = onnx('quantised.onnx', [
      node('Relu', ['x'], 'h'),
      node('QuantizeLinear', ['h', 'scale'], 'h_QuantizeLinear_Output'),
      node('DequantizeLinear', ['h_QuantizeLinear_Output', 'scale'], 'h_DequantizeLinear_Output'),
      node('Sigmoid', ['h_DequantizeLinear_Output'], 's'),
      node('Neg', ['s'], 'y'),
    ]);
    const { layers, partsAt } = await compare(reference, quantised, { x });
    expect(partsAt).toBe('h');
    expect(layers[0]!.candidateName).toBe('h_DequantizeLinear_Output');
    expect(layers[0]!.difference.maxError).toBeGreaterThan(0);
    expect(layers[0]!.difference.maxError).toBeLessThanOrEqual(0.0101);
  });

  it('are followed into integer operators', async () => {
    const quantised = onnx(
      'integers.onnx',
      [
        // An uint8 of zero point 0 clips as Relu does, which is not there any more.
        node('QuantizeLinear', ['x', 'i_scale'], 'i_quantized'),
        node('DequantizeLinear', ['i_quantized', 'i_scale'], 'again'),
        node('Sigmoid', ['again'], 's'),
        node('Neg', ['s'], 'y'),
      ],
      'i_scale',
    );
    const float = onnx('float.onnx', [
      node('Identity', ['x'], 'i'),
      node('Relu', ['i'], 'h'),
      node('Sigmoid', ['h'], 's'),
      node('Neg', ['s'], 'y'),
    ]);
    const { layers, partsAt } = await compare(float, quantised, { x });
    expect(layers.map(({ name, candidateName }) => [name, candidateName])).toEqual([
      ['h', 'i_DequantizeLinear_Output'],
      ['s', 's'],
      ['y', 'y'],
    ]);
    expect(layers[0]!.difference.maxError).toBeLessThanOrEqual(0.0101);
    expect(partsAt).toBe('h');
  });

  it('pass their noise on through tensors that only one model has', async () => {
    const between = onnx('between.onnx', [
      node('Relu', ['x'], 'h'),
      node('Tanh', ['h'], 'elsewhere'),
      node('Neg', ['elsewhere'], 'y'),
    ]);
    const { layers, partsAt } = await compare(reference, between, { x });
    expect(layers.map(({ name }) => name)).toEqual(['h', 'y']);
    expect(partsAt).toBe('y');
  });

  it('are found in a model with external data', async () => {
    const external = path.join(models, 'external.onnx');
    const { layers } = await compare(external, external, { x: values([1, 64]) });
    expect(layers.map(({ name }) => name)).toEqual(['y']);
  });
});

describe('layers of TensorFlow Lite models', () => {
  const file = path.join(models, 'conv_int8.tflite');
  const bytes = readFileSync(file);
  const feeds = { x: values([1, 16, 16, 3]) };

  it('part where a weight is another', async () => {
    const { subgraphs, operatorCodes, buffers } = readTfliteModel(bytes);
    const [graph] = subgraphs;
    const depthwise = graph!.operators.find(
      ({ code }) => operatorCodes[code]!.name === 'DEPTHWISE_CONV_2D',
    )!;
    const { offset, size } = buffers[graph!.tensors[depthwise.inputs[1]!]!.buffer]!;
    const changed = Uint8Array.from(bytes).fill(100, offset, offset + size);
    const { layers, partsAt } = await compare(file, write('changed.tflite', changed), feeds);
    expect(layers.map(({ operator }) => operator)).toEqual([
      'CONV_2D',
      'DEPTHWISE_CONV_2D',
      'MEAN',
      'FULLY_CONNECTED',
    ]);
    expect(layers[0]!.difference.maxError).toBe(0);
    expect(partsAt).toBe(layers[1]!.name);
  });

  it('are what the model gives of itself, with others behind them', async () => {
    const { outputs, operators } = readTfliteModel(bytes).subgraphs[0]!;
    const [first] = operators[0]!.outputs;
    const session1 = await InferenceSession.create(bytes);
    const session2 = await InferenceSession.create(withOutputs(bytes, [...outputs, first!]));
    expect(session2.outputNames).toHaveLength(2);
    const x8 = new Tensor('int8', new Int8Array(768).fill(5), [1, 16, 16, 3]);
    const [own, changed] = [await session1.run({ x: x8 }), await session2.run({ x: x8 })];
    const [name] = session1.outputNames;
    expect(changed[name!]!.data).toEqual(own[name!]!.data);
    await session1.release();
    await session2.release();
  });
});

describe('layers', () => {
  it('need names that both models have', async () => {
    const mlp = path.join(models, 'mlp.tflite');
    await expect(compare(path.join(models, 'mlp.onnx'), mlp, {})).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
  });

  it('need models', async () => {
    await expect(compare('missing.onnx', reference, {})).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    });
    const none = compareLayers([reference, reference], [], { session });
    await expect(none).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    const damaged = write('damaged.onnx', Uint8Array.of(1, 2, 3));
    await expect(compare(reference, damaged, {})).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
    });
  });
});
