import { InferenceSession } from '../../../../../lib/engine/session/session';
import type { SessionOptions } from '../../../../../lib/engine/session/session-options';
import { dequantize, quantize } from '../../../../../lib/engine/tensor/quantize';
import { Tensor } from '../../../../../lib/engine/tensor/tensor';
import {
  readTflite,
  removeUnused,
  SubgraphEditor,
  writeTflite,
  type ModelT,
  type OperatorT,
} from '../../../../../lib/formats/tflite';
import { Calibrator } from '../../../../../lib/optimize/calibrate/calibrator';
import { DifferenceSums } from '../../../../../lib/optimize/measures/difference';
import { type Range } from '../../../../../lib/optimize/quantize/parameters';
import { planInt8, type PlanOptions } from '../../../../../lib/optimize/quantize/tflite/int8-plan';
import { writeInt8 } from '../../../../../lib/optimize/quantize/tflite/write-int8';
import { type Random } from '../../../../stress/hostile/random.mjs';
import { ACTIVATION, Network, numbers } from './network';

/** `ONLITE_TEST_SEED` and `ONLITE_TEST_VARIANTS` try other and more networks. */
export const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261126);
export const variants = Number(process.env['ONLITE_TEST_VARIANTS'] ?? 12);

export const SHAPE = [1, 8, 8, 3];
export const samples = Array.from(
  { length: 12 },
  (_, index) => new Tensor('float32', numbers(8 * 8 * 3, 1000 + index), SHAPE),
);
export const builtIn: SessionOptions = { executionProviders: ['cpu'] };

export async function ranges(
  model: ModelT,
  tensors: string[],
): Promise<ReadonlyMap<string, Range>> {
  const calibrator = await Calibrator.create(writeTflite(model), tensors);
  await calibrator.collect(samples.map((x) => ({ feeds: { x } })));
  const found = calibrator.ranges();
  await calibrator.release();
  return found;
}

/** The model in int8, read from what is written of it. */
export async function int8(
  model: ModelT,
  options: Partial<PlanOptions> & { io?: 'float32' | 'int8' | 'int16' } = {},
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
export async function run(model: ModelT, options: SessionOptions = {}): Promise<Float32Array[]> {
  const session = await InferenceSession.create(writeTflite(model), options);
  const [input] = session.inputMetadata;
  const results: Float32Array[] = [];
  for (const x of samples) {
    const own =
      input?.isTensor && input.quantization && (input.type === 'int8' || input.type === 'int16')
        ? quantize(x, input.quantization, input.type)
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
export async function sqnr(float: ModelT, quantized: ModelT): Promise<number> {
  const expected = await run(float, builtIn);
  const found = [await run(quantized), await run(quantized, builtIn)].map((results) => {
    const sums = new DifferenceSums();
    results.forEach((values, index) => sums.add(expected[index]!, values));
    return sums.result.sqnr;
  });
  return Math.min(...found);
}

export const operators = (editor: SubgraphEditor): string[] =>
  editor.graph.operators.map((operator) => editor.operatorName(operator));

export function find(editor: SubgraphEditor, name: string): OperatorT {
  return editor.graph.operators.find((operator) => editor.operatorName(operator) === name)!;
}

export const typeOf = (editor: SubgraphEditor, index: number | undefined): number =>
  editor.tensor(index)?.type ?? 0;
export const scaleOf = (editor: SubgraphEditor, index: number | undefined): number[] =>
  editor.tensor(index)?.quantization?.scale ?? [];
export const parametersOf = (editor: SubgraphEditor, index: number | undefined): unknown => {
  const { scale, zeroPoint } = editor.tensor(index)?.quantization ?? {};
  return { scale, zeroPoint };
};
export const versionOf = (editor: SubgraphEditor, name: string): number | undefined =>
  editor.model.operatorCodes[find(editor, name).opcodeIndex ?? 0]?.version;

/** Convolutions, a residual, two branches, a pool and a classifier. */
export function classifier(): ModelT {
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

/** A chain of layers and operators, some of which take an earlier tensor, too. */
export function randomNetwork(random: Random): ModelT {
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
