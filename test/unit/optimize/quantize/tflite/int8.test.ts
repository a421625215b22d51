import { describe, expect, it } from 'vitest';

import { InferenceSession } from '../../../../../lib/engine/session/session';
import type { SessionOptions } from '../../../../../lib/engine/session/session-options';
import { dequantize, quantize } from '../../../../../lib/engine/tensor/quantize';
import { Tensor } from '../../../../../lib/engine/tensor/tensor';
import {
  readTflite,
  removeUnused,
  SubgraphEditor,
  TensorType,
  writeTflite,
  type ModelT,
  type OperatorT,
} from '../../../../../lib/formats/tflite';
import { Calibrator } from '../../../../../lib/optimize/calibrate/calibrator';
import { DifferenceSums } from '../../../../../lib/optimize/measures/difference';
import type { Range } from '../../../../../lib/optimize/quantize/parameters';
import { writeDynamicRange } from '../../../../../lib/optimize/quantize/tflite/dynamic-range';
import { writeFloat16Weights } from '../../../../../lib/optimize/quantize/tflite/float16-weights';
import { planInt8, type PlanOptions } from '../../../../../lib/optimize/quantize/tflite/int8-plan';
import { writeInt8 } from '../../../../../lib/optimize/quantize/tflite/write-int8';
import { Random } from '../../../../stress/hostile/random.mjs';
import { ACTIVATION, Network, numbers } from './network';

/** `ONLITE_TEST_SEED` and `ONLITE_TEST_VARIANTS` try other and more networks. */
const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261126);
const variants = Number(process.env['ONLITE_TEST_VARIANTS'] ?? 12);

const SHAPE = [1, 8, 8, 3];
const samples = Array.from(
  { length: 12 },
  (_, index) => new Tensor('float32', numbers(8 * 8 * 3, 1000 + index), SHAPE),
);
const builtIn: SessionOptions = { executionProviders: ['cpu'] };

async function ranges(model: ModelT, tensors: string[]): Promise<ReadonlyMap<string, Range>> {
  const calibrator = await Calibrator.create(writeTflite(model), tensors);
  await calibrator.collect(samples.map((x) => ({ feeds: { x } })));
  const found = calibrator.ranges();
  await calibrator.release();
  return found;
}

/** The model in int8, read from what is written of it. */
async function int8(
  model: ModelT,
  options: Partial<PlanOptions> & { io?: 'float32' | 'int8' } = {},
): Promise<SubgraphEditor> {
  const changed = readTflite(writeTflite(model));
  const editor = new SubgraphEditor(changed);
  const plan = planInt8(editor, { placement: 'full', ...options });
  const names = [...plan.tensors].map((index) => editor.tensor(index)?.name ?? '');
  const { io = 'float32' } = options;
  writeInt8(editor, plan, { ranges: await ranges(model, names), io });
  removeUnused(changed);
  return new SubgraphEditor(readTflite(writeTflite(changed)));
}

/** What a model gives for the samples, as real numbers. */
async function run(model: ModelT, options: SessionOptions = {}): Promise<Float32Array[]> {
  const session = await InferenceSession.create(writeTflite(model), options);
  const [input] = session.inputMetadata;
  const results: Float32Array[] = [];
  for (const x of samples) {
    const own =
      input?.isTensor && input.type === 'int8' && input.quantization
        ? quantize(x, input.quantization, 'int8')
        : x;
    const outputs = await session.run({ x: own });
    for (const output of session.outputMetadata) {
      const value = outputs[output.name] as Tensor;
      const parameters = output.isTensor ? output.quantization : undefined;
      results.push(parameters ? dequantize(value, parameters).data : (value.data as Float32Array));
    }
  }
  await session.release();
  return results;
}

/** Decibels by which a model is near the float one, on XNNPACK and on built-in kernels. */
async function sqnr(float: ModelT, quantized: ModelT): Promise<number> {
  const expected = await run(float, builtIn);
  const found = [await run(quantized), await run(quantized, builtIn)].map((results) => {
    const sums = new DifferenceSums();
    results.forEach((values, index) => sums.add(expected[index]!, values));
    return sums.result.sqnr;
  });
  return Math.min(...found);
}

const operators = (editor: SubgraphEditor): string[] =>
  editor.graph.operators.map((operator) => editor.operatorName(operator));

function find(editor: SubgraphEditor, name: string): OperatorT {
  return editor.graph.operators.find((operator) => editor.operatorName(operator) === name)!;
}

const typeOf = (editor: SubgraphEditor, index: number | undefined): number =>
  editor.tensor(index)?.type ?? 0;
const scaleOf = (editor: SubgraphEditor, index: number | undefined): number[] =>
  editor.tensor(index)?.quantization?.scale ?? [];
const parametersOf = (editor: SubgraphEditor, index: number | undefined): unknown => {
  const { scale, zeroPoint } = editor.tensor(index)?.quantization ?? {};
  return { scale, zeroPoint };
};
const versionOf = (editor: SubgraphEditor, name: string): number | undefined =>
  editor.model.operatorCodes[find(editor, name).opcodeIndex ?? 0]?.version;

/** Convolutions, a residual, two branches, a pool and a classifier. */
function classifier(): ModelT {
  const net = new Network();
  const first = net.conv(net.input(SHAPE), 8, { activation: ACTIVATION.relu6 });
  const second = net.depthwise(first, ACTIVATION.relu);
  const sum = net.add(first, second);
  const branches = net.concat(net.conv(sum, 8), net.pool('MAX_POOL_2D', sum));
  const pooled = net.pool('AVERAGE_POOL_2D', branches);
  const wide = net.conv(pooled, 32, { activation: ACTIVATION.relu });
  const logits = net.dense(net.dense(net.mean(wide), 32), 10, false);
  return net.output(net.unary('SOFTMAX', logits));
}

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

/** A chain of layers and operators, some of which take an earlier tensor, too. */
function randomNetwork(random: Random): ModelT {
  const net = new Network();
  let x = net.conv(net.input(SHAPE), 8);
  const earlier = [x];
  const blocks: ((x: number) => number)[] = [
    (x) => net.conv(x, 8, { activation: random.pick([0, 1, 3]), size: random.pick([1, 3]) }),
    (x) => net.depthwise(x, random.pick([0, 1, 3])),
    (x) => net.add(x, random.pick(earlier)),
    (x) => net.add(net.floats([8]), x),
    (x) => net.conv(net.concat(x, random.pick(earlier)), 8),
    (x) => net.conv(net.concat(net.conv(x, 4), net.pool('MAX_POOL_2D', x)), 8),
    (x) => net.pool('AVERAGE_POOL_2D', x),
    (x) => net.pool('MAX_POOL_2D', x),
    (x) => net.unary(random.pick(['HARD_SWISH', 'LOGISTIC', 'TANH'] as const), x),
    (x) => net.operator('ABS', [x], net.shape(x)),
  ];
  for (let count = 2 + random.below(5); count > 0; count--) {
    x = random.pick(blocks)(x);
    earlier.push(x);
  }
  return net.output(net.dense(net.mean(net.conv(x, 16)), 8));
}

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
