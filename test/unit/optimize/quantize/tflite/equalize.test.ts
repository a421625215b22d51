import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { InferenceSession } from '../../../../../lib/engine/session/session';
import { Tensor } from '../../../../../lib/engine/tensor/tensor';
import {
  readTflite,
  removeUnused,
  SubgraphEditor,
  writeTflite,
  type ModelT,
  type OperatorT,
} from '../../../../../lib/formats/tflite';
import { DifferenceSums } from '../../../../../lib/optimize/measures/difference';
import type { Range } from '../../../../../lib/optimize/quantize/parameters';
import { quantizeModel } from '../../../../../lib/optimize/quantize/quantize-model';
import type { QuantizeOptions } from '../../../../../lib/optimize/quantize/quantize-options';
import { equalizeTflite } from '../../../../../lib/optimize/quantize/tflite/equalize';
import { ACTIVATION, Network, numbers } from './network';

const SHAPE = [1, 8, 8, 3];
const samples = (seed: number): Tensor[] =>
  Array.from(
    { length: 8 },
    (_, index) => new Tensor('float32', numbers(8 * 8 * 3, seed + index), SHAPE),
  );

/** The ranges of eight channels, 144 apart. */
const UNEVEN = [12, 0.5, 1 / 12, 3, 1, 7, 0.2, 0.1];

/** Multiplies channels of a constant, which are its last or its first dimension. */
function scale(editor: SubgraphEditor, operator: OperatorT, position: number, factors: number[]) {
  const index = operator.inputs[position];
  const values = editor.constantFloats(index)!;
  const [first = 1] = editor.tensor(index)!.shape!;
  const inner = first === factors.length ? values.length / first : 1;
  const scaled = values.map(
    (value, at) => value * factors[Math.floor(at / inner) % factors.length]!,
  );
  editor.replaceFloats(operator, position, scaled);
}

/** Multiplies what a layer makes, and divides the next layer's weights. */
function unbalance(net: Network, layer: number, next: number, factors: number[]): void {
  const { operators } = net.editor.graph;
  for (const position of [1, 2]) scale(net.editor, operators[layer]!, position, factors);
  const inverse = factors.map((factor) => 1 / factor);
  // A convolution's weights have the channels that it takes last, as a depthwise one's have them.
  const index = operators[next]!.inputs[1]!;
  const values = net.editor.constantFloats(index)!;
  const divided = values.map((value, at) => value * inverse[at % inverse.length]!);
  net.editor.replaceFloats(operators[next]!, 1, divided);
}

type Between = (net: Network, x: number) => number;

/** A convolution, one that is depthwise, and a pointwise one. */
function depthwiseNetwork(activation: number = ACTIVATION.relu): ModelT {
  const net = new Network();
  const first = net.conv(net.input(SHAPE), 8, { activation });
  const second = net.depthwise(first, activation);
  const third = net.conv(second, 16, { size: 1, activation: ACTIVATION.relu });
  const model = net.output(net.dense(net.mean(third), 10));
  unbalance(net, 0, 1, UNEVEN);
  unbalance(net, 1, 2, [...UNEVEN].reverse());
  return model;
}

/** A convolution of uneven channels, what follows it, and a layer that takes it. */
function between(follow: Between, last: (net: Network, x: number) => number): ModelT {
  const net = new Network();
  const first = net.conv(net.input(SHAPE), 8);
  const model = net.output(last(net, follow(net, first)));
  unbalance(net, 0, net.editor.graph.operators.length - 1, UNEVEN);
  return model;
}

async function run(bytes: Uint8Array): Promise<Float32Array[]> {
  const session = await InferenceSession.create(bytes);
  const [name = ''] = session.outputNames;
  const results: Float32Array[] = [];
  for (const x of samples(900)) {
    const outputs = await session.run({ x });
    results.push((outputs[name] as Tensor).data as Float32Array);
  }
  await session.release();
  return results;
}

function equalized(
  model: ModelT,
  ranges: ReadonlyMap<string, Range> = new Map(),
): { pairs: number; editor: SubgraphEditor } {
  const changed = readTflite(writeTflite(model));
  const pairs = equalizeTflite(new SubgraphEditor(changed), ranges);
  removeUnused(changed);
  return { pairs, editor: new SubgraphEditor(readTflite(writeTflite(changed))) };
}

async function sqnr(model: ModelT, changed: ModelT): Promise<number> {
  const expected = await run(writeTflite(model));
  const sums = new DifferenceSums();
  (await run(writeTflite(changed))).forEach((values, at) => sums.add(expected[at]!, values));
  return sums.result.sqnr;
}

/** A layer's widest channel over its narrowest. */
function spread(editor: SubgraphEditor, layer: number, channels = 8): number {
  const { inputs } = editor.graph.operators[layer]!;
  const values = editor.constantFloats(inputs[1])!;
  const isLast = editor.tensor(inputs[1])!.shape![0] !== channels;
  const peaks = new Float64Array(channels);
  values.forEach((value, at) => {
    const channel = isLast ? at % channels : Math.floor(at / (values.length / channels));
    peaks[channel] = Math.max(peaks[channel]!, Math.abs(value));
  });
  return Math.max(...peaks) / Math.min(...peaks);
}

describe('equalising', () => {
  it('gives a depthwise network equal channels and leaves what it computes', async () => {
    const model = depthwiseNetwork();
    const { pairs, editor } = equalized(model);
    expect(pairs).toBe(3);
    expect(await sqnr(model, editor.model)).toBeGreaterThan(110);
    for (const layer of [0, 1]) {
      expect(spread(new SubgraphEditor(model), layer)).toBeGreaterThan(100);
      expect(spread(editor, layer)).toBeLessThan(10);
    }
  });

  const pointwise = (net: Network, x: number): number => net.conv(x, 4, { size: 1 });
  const reshaped: Between = (net, x) =>
    net.operator('RESHAPE', [x, net.integers([1, 512])], [1, 512]);

  it.each<[string, Between, Between]>([
    ['pools', (net, x) => net.pool('AVERAGE_POOL_2D', net.pool('MAX_POOL_2D', x)), pointwise],
    ['a RELU', (net, x) => net.operator('RELU', [x], net.shape(x)), pointwise],
    ['a mean', (net, x) => net.mean(x), (net, x) => net.dense(x, 4)],
    ['flattening', reshaped, (net, x) => net.dense(x, 4)],
    [
      'padding',
      (net, x) =>
        net.operator('PAD', [x, net.integers([0, 0, 1, 1, 1, 1, 0, 0], [4, 2])], [1, 10, 10, 8]),
      pointwise,
    ],
  ])('goes through %s', async (_, follow, last) => {
    const model = between(follow, last);
    const { pairs, editor } = equalized(model);
    expect(pairs).toBe(1);
    expect(await sqnr(model, editor.model)).toBeGreaterThan(110);
    expect(spread(editor, 0)).toBeLessThan(spread(new SubgraphEditor(model), 0) / 8);
  });

  it.each<[string, Between]>([
    ['a sigmoid', (net, x) => net.unary('LOGISTIC', x)],
    ['a sum of two values', (net, x) => net.add(x, net.pool('MAX_POOL_2D', x))],
    [
      'a mean over channels',
      (net, x) =>
        net.operator(
          'MEAN',
          [x, net.integers([3])],
          [1, 8, 8, 1],
          ['ReducerOptions', { keepDims: true }],
        ),
    ],
    ['a RELU6', (net, x) => net.operator('RELU6', [x], net.shape(x))],
  ])('does not go through %s', (_, follow) => {
    const net = new Network();
    net.output(net.conv(follow(net, net.conv(net.input(SHAPE), 8)), 4));
    expect(equalized(net.model).pairs).toBe(0);
  });

  it('makes a RELU of a RELU6 that calibration never saw clip', async () => {
    const model = depthwiseNetwork(ACTIVATION.relu6);
    const range = (max: number): Range => ({ min: 0, max });
    const within = new Map([
      ['conv_2d0', range(5.9)],
      ['depthwise_conv_2d1', range(6)],
    ]);
    const { pairs, editor } = equalized(model, within);
    expect(pairs).toBe(2);
    const activations = editor.graph.operators
      .slice(0, 2)
      .map((operator) => editor.option(operator, 'fusedActivationFunction'));
    expect(activations).toEqual([ACTIVATION.relu, ACTIVATION.relu6]);
  });
});

describe('quantizeModel', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'onlite-equalize-tflite-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const [input, output] = [path.join(folder, 'float.tflite'), path.join(folder, 'int8.tflite')];
  const options: QuantizeOptions = {
    data: () => samples(300).map((x) => ({ feeds: { x } })),
    heldOut: () => samples(900).map((x) => ({ feeds: { x } })),
    method: 'static',
    calibration: { method: 'minmax' },
    minSpeedup: 0,
  };

  it('equalises a depthwise network and corrects its biases', { timeout: 60_000 }, async () => {
    writeFileSync(input, writeTflite(depthwiseNetwork()));
    const { chosen } = await quantizeModel(input, output, options);
    expect(chosen?.name).toMatch(/^static \(equalised, minmax/);
    expect(chosen?.fidelity.sqnr).toBeGreaterThan(30);
  });
});
