import { describe, expect, it } from 'vitest';
import {
  readTflite,
  removeUnused,
  SubgraphEditor,
  TensorType,
  writeTflite,
  type ModelT,
} from '../../../../../lib/formats/tflite';
import { writeDynamicRange } from '../../../../../lib/optimize/quantize/tflite/dynamic-range';
import { writeFloat16Weights } from '../../../../../lib/optimize/quantize/tflite/float16-weights';
import { planInt8 } from '../../../../../lib/optimize/quantize/tflite/int8-plan';
import { Random } from '../../../../stress/hostile/random.mjs';
import { Network } from './network';
import {
  SHAPE,
  classifier,
  find,
  int8,
  operators,
  parametersOf,
  randomNetwork,
  scaleOf,
  seed,
  sqnr,
  typeOf,
  variants,
  versionOf,
} from './int8-support';

describe('int8', () => {
  it("follows TensorFlow's rules", async () => {
    const float = classifier();
    const editor = await int8(float);
    const { graph } = editor;
    expect(operators(editor)[0]).toBe('QUANTIZE');
    expect(operators(editor).at(-1)).toBe('DEQUANTIZE');
    for (const operator of graph.operators.slice(0, -1)) {
      expect(typeOf(editor, operator.outputs[0])).toBe(TensorType.int8);
    }
    for (const [name, axis, version] of [
      ['CONV_2D', 0, 3],
      ['DEPTHWISE_CONV_2D', 3, 3],
      ['FULLY_CONNECTED', 0, 12],
    ] as const) {
      const [input, weight, bias] = find(editor, name).inputs;
      const scales = scaleOf(editor, weight);
      const channels = editor.tensor(weight)?.shape?.[axis];
      expect(scales).toHaveLength(channels!);
      expect(editor.tensor(weight)?.quantization?.quantizedDimension ?? 0).toBe(axis);
      expect(typeOf(editor, bias)).toBe(TensorType.int32);
      const [scale = 0] = scaleOf(editor, input);
      expect(scaleOf(editor, bias)).toEqual(scales.map((each) => Math.fround(scale * each)));
      expect(versionOf(editor, name)).toBe(version);
    }
    // XNNPACK takes no layer without a bias.
    for (const operator of graph.operators) {
      if (/CONV|FULLY/.test(editor.operatorName(operator))) expect(operator.inputs).toHaveLength(3);
    }
    expect(parametersOf(editor, find(editor, 'SOFTMAX').outputs[0])).toEqual({
      scale: [1 / 256],
      zeroPoint: [-128n],
    });
    const pool = find(editor, 'AVERAGE_POOL_2D');
    expect(parametersOf(editor, pool.outputs[0])).toEqual(parametersOf(editor, pool.inputs[0]));
    const concat = find(editor, 'CONCATENATION');
    for (const input of concat.inputs) {
      expect(parametersOf(editor, input)).toEqual(parametersOf(editor, concat.outputs[0]));
    }
    expect(versionOf(editor, 'ADD')).toBe(2);
    expect(await sqnr(float, editor.model)).toBeGreaterThan(25);
  });

  it('requantises what a concatenation cannot have with its own parameters', async () => {
    const net = new Network();
    const sum = net.conv(net.input(SHAPE), 8);
    const small = net.unary('TANH', sum);
    const float = net.output(net.concat(sum, small, net.floats([1, 8, 8, 2])), net.conv(sum, 4));
    const editor = await int8(float);
    const concat = find(editor, 'CONCATENATION');
    const own = parametersOf(editor, concat.outputs[0]);
    expect(concat.inputs.map((input) => parametersOf(editor, input))).toEqual([own, own, own]);
    // The model's input, and one or two of the inputs.
    expect(operators(editor).filter((name) => name === 'QUANTIZE').length).toBeGreaterThan(1);
    expect(await sqnr(float, editor.model)).toBeGreaterThan(30);
  });

  it('is between float operators where XNNPACK takes those only in float', async () => {
    const net = new Network();
    const first = net.unary('HARD_SWISH', net.conv(net.input(SHAPE), 8));
    const float = net.output(net.conv(net.pool('AVERAGE_POOL_2D', net.conv(first, 8)), 4));
    const editor = await int8(float, { placement: 'delegated' });
    expect(operators(editor)).toEqual([
      ...['QUANTIZE', 'CONV_2D', 'DEQUANTIZE', 'HARD_SWISH'],
      ...['QUANTIZE', 'CONV_2D', 'DEQUANTIZE', 'AVERAGE_POOL_2D'],
      ...['QUANTIZE', 'CONV_2D', 'DEQUANTIZE'],
    ]);
    expect(await sqnr(float, editor.model)).toBeGreaterThan(30);
    expect(operators(await int8(float)).filter((name) => name === 'DEQUANTIZE')).toHaveLength(1);
  });

  it('leaves operators float that are to stay so', async () => {
    const float = classifier();
    const exclude = new Set(['depthwise_conv_2d1']);
    const editor = await int8(float, { exclude });
    expect(typeOf(editor, find(editor, 'DEPTHWISE_CONV_2D').outputs[0])).toBe(TensorType.float32);
    expect(await sqnr(float, editor.model)).toBeGreaterThan(25);
  });

  it('is what the model takes and gives, where that is wanted', async () => {
    const float = classifier();
    const editor = await int8(float, { io: 'int8' });
    const { graph, model } = editor;
    expect(operators(editor)[0]).toBe('CONV_2D');
    expect(operators(editor)).not.toContain('DEQUANTIZE');
    expect(typeOf(editor, graph.inputs[0])).toBe(TensorType.int8);
    expect(typeOf(editor, graph.outputs[0])).toBe(TensorType.int8);
    const [signature] = model.signatureDefs;
    expect(signature?.inputs[0]?.tensorIndex ?? 0).toBe(graph.inputs[0]);
    expect(signature?.outputs[0]?.tensorIndex ?? 0).toBe(graph.outputs[0]);
    expect(await sqnr(float, model)).toBeGreaterThan(25);
  });

  it('runs in networks of any shape', { timeout: 120_000 }, async () => {
    for (let variant = 0; variant < variants; variant++) {
      const random = Random.for('int8', seed, variant);
      const float = randomNetwork(random);
      const placement = random.pick(['full', 'delegated'] as const);
      const { model } = await int8(float, { placement });
      const found = await sqnr(float, model);
      expect(found, `seed ${seed} variant ${variant}`).toBeGreaterThan(14);
    }
  });
});

describe('weights alone', () => {
  function rewritten(model: ModelT, change: (editor: SubgraphEditor) => unknown): SubgraphEditor {
    const changed = readTflite(writeTflite(model));
    change(new SubgraphEditor(changed));
    removeUnused(changed);
    return new SubgraphEditor(readTflite(writeTflite(changed)));
  }

  it('in int8 with the range of each input, but for depthwise layers and small ones', async () => {
    const float = classifier();
    const editor = rewritten(float, writeDynamicRange);
    const weights = editor.graph.operators
      .filter((operator) => /CONV|FULLY/.test(editor.operatorName(operator)))
      .map(({ inputs }) => [editor.tensor(inputs[1])!.shape!, typeOf(editor, inputs[1])] as const);
    for (const [shape, type] of weights) {
      const count = shape.reduce((product, dim) => product * dim, 1);
      expect(type).toBe(count >= 1024 ? TensorType.int8 : TensorType.float32);
    }
    expect(weights.filter(([, type]) => type === TensorType.int8)).toHaveLength(2);
    expect(await sqnr(float, editor.model)).toBeGreaterThan(30);
  });

  it('in float16', async () => {
    const float = classifier();
    const editor = rewritten(float, writeFloat16Weights);
    expect(operators(editor).filter((name) => name === 'DEQUANTIZE')).toHaveLength(2);
    expect(writeTflite(editor.model).byteLength).toBeLessThan(writeTflite(float).byteLength);
    expect(await sqnr(float, editor.model)).toBeGreaterThan(50);
  });
});

describe('weights of another size than their shape', () => {
  it.each([7, 0x7fffffff])('are refused: a first dim of %i', (channels) => {
    const net = new Network();
    const model = net.output(net.conv(net.input(SHAPE), 8));
    const editor = new SubgraphEditor(model);
    const weight = editor.tensor(find(editor, 'CONV_2D').inputs[1])!;
    weight.shape![0] = channels;
    const refused = expect.objectContaining({ code: 'ERR_MODEL_INVALID' }) as Error;
    expect(() => planInt8(editor, { placement: 'full' })).toThrow(refused);
    expect(() => writeDynamicRange(editor)).toThrow(refused);
    expect(() => writeFloat16Weights(editor)).toThrow(refused);
  });
});
