import { InferenceSession, Tensor, type SessionOptions, type TensorValueMetadata } from 'onlite';
import {
  compareModels,
  type CompareOptions,
  type ModelComparison,
  type Sample,
} from 'onlite/optimize';
import { afterEach, describe, expect, it } from 'vitest';

import { model } from './cli-support';
import { encodeOnnx, float32, type OnnxNode, type OnnxValue } from './onnx-encoder';

const sessions: InferenceSession[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.release();
});

const options: SessionOptions = { logSeverityLevel: 4 };
async function open(source: string | Uint8Array): Promise<InferenceSession> {
  const session =
    typeof source === 'string'
      ? await InferenceSession.create(model(source), options)
      : await InferenceSession.create(source, options);
  sessions.push(session);
  return session;
}

async function compare(
  sources: readonly (string | Uint8Array)[],
  samples: Sample[],
  compareOptions: CompareOptions = {},
): Promise<ModelComparison> {
  const models = await Promise.all(sources.map(open));
  return compareModels(models, samples, compareOptions);
}

const ramp = (dims: readonly number[], step = 1): Tensor<'float32'> => {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, i) => i * step),
    dims,
  );
};

const value = (name: string, dims: readonly (number | string)[]): OnnxValue => ({
  name,
  type: float32,
  dims,
});

function identity(input: OnnxValue, output: OnnxValue, op = 'Identity'): Uint8Array {
  const node: OnnxNode = { op, inputs: [input.name], outputs: [output.name] };
  return encodeOnnx({ inputs: [input], outputs: [output], nodes: [node] });
}

const same = { maxError: 0, meanError: 0, cosine: 1, sqnr: Infinity };

describe('compareModels', () => {
  it('finds models of both formats alike', async () => {
    const feeds = { a: ramp([4]), b: ramp([4], 0.5) };
    const { samples, candidates } = await compare(
      ['add4.onnx', 'add4.tflite'],
      [{ feeds }, { feeds }],
    );
    expect(samples).toBe(2);
    expect(candidates).toEqual([
      {
        outputs: [
          {
            name: 'sum',
            candidateName: 'sum',
            difference: { ...same, count: 8 },
            agreement: { rows: 2, top1: 1 },
          },
        ],
        notCompared: [],
      },
    ]);
  });

  it('brings channels last into the layout of channels first', async () => {
    const first = identity(value('x', [1, 3, 4, 5]), value('y', [1, 3, 4, 5]));
    const last = identity(value('image', ['n', 4, 5, 3]), value('out', ['n', 4, 5, 3]));
    const squeezed = identity(value('x', [3, 4, 5]), value('y', [3, 4, 5]));
    const sample = { feeds: { x: ramp([1, 3, 4, 5]) } };
    const { candidates } = await compare([first, last, squeezed], [sample]);
    for (const { outputs } of candidates) expect(outputs[0]!.difference).toMatchObject(same);
    const other = { feeds: { image: ramp([1, 4, 5, 3]) } };
    const { candidates: reversed } = await compare([last, first], [other]);
    expect(reversed[0]!.outputs[0]!.difference).toMatchObject(same);
  });

  it('goes by the input where the dims of an output leave the layout open', async () => {
    const doubled = (input: OnnxValue, output: OnnxValue, axes: number[]): Uint8Array =>
      encodeOnnx({
        inputs: [input],
        outputs: [output],
        nodes: [
          { op: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: axes[0]! } },
        ],
      });
    const first = doubled(value('x', [1, 3, 6, 3]), value('y', [1, 6, 6, 3]), [1]);
    const last = doubled(value('x', [1, 6, 3, 3]), value('y', [1, 6, 3, 6]), [3]);
    const { candidates } = await compare([first, last], [{ feeds: { x: ramp([1, 3, 6, 3]) } }]);
    expect(candidates[0]!.outputs[0]!.difference).toMatchObject(same);
  });

  it('dequantises outputs and quantises inputs by their parameters', async () => {
    const y = value('y', [2, 3]);
    const float = identity(value('x', [2, 3]), y);
    const { candidates } = await compare(
      [float, 'per_channel_input.tflite'],
      [{ feeds: { x: ramp([2, 3], 0.01) } }],
    );
    const { difference } = candidates[0]!.outputs[0]!;
    expect(difference.maxError).toBeGreaterThan(0);
    const inputs = sessions.flatMap(({ inputMetadata }) => inputMetadata as TensorValueMetadata[]);
    const scale = inputs.flatMap(({ quantization }) => quantization?.scale ?? []);
    expect(scale).toHaveLength(3);
    expect(difference.maxError).toBeLessThanOrEqual(Math.max(...scale) / 2 + 1e-6);
  });

  it('takes a quantised sample in the first model’s terms', async () => {
    const float = identity(value('x', [2, 3]), value('y', [2, 3]));
    const x = new Tensor('int8', Int8Array.of(1, -2, 3, 4, -5, 100), [2, 3]);
    const { candidates } = await compare(['per_channel_input.tflite', float], [{ feeds: { x } }]);
    expect(candidates[0]!.outputs[0]!.difference.maxError).toBeLessThan(1e-6);
  });

  it('compares float16 with float32', async () => {
    const feeds = { a: ramp([2, 3, 4], 0.123), b: new Tensor('float32', [0.3, 0.7, -1.1], [3, 1]) };
    const models = ['elementwise_float32.onnx', 'elementwise_float16.onnx'];
    const { candidates } = await compare(models, [{ feeds }]);
    expect(candidates[0]!.outputs).toHaveLength(6);
    for (const { difference } of candidates[0]!.outputs) {
      expect(difference.sqnr).toBeGreaterThan(55);
      expect(difference.sqnr).toBeLessThan(90);
    }
  });

  it('converts whole numbers, and refuses to lose a fraction', async () => {
    const models = ['identity_float32.onnx', 'identity_int64.onnx'];
    const feeds = (step: number): Sample['feeds'] => ({ x: ramp([2, 3], step) });
    const { candidates } = await compare(models, [{ feeds: feeds(3) }]);
    expect(candidates[0]!.outputs[0]!.difference).toMatchObject(same);
    await expect(compare(models, [{ feeds: feeds(0.5) }])).rejects.toMatchObject({
      code: 'ERR_TYPE_MISMATCH',
    });
  });

  it('judges each model by the labels', async () => {
    const x = value('x', ['n', 3]);
    const right = identity(x, value('y', ['n', 3]));
    const wrong = identity(x, value('y', ['n', 3]), 'Neg');
    const scores = new Tensor('float32', [1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
    const sample: Sample = { feeds: { x: scores }, labels: [0, 1, 1] };
    const { quality, candidates } = await compare([right, wrong], [sample, sample], {
      temperature: 1,
    });
    expect(quality).toMatchObject([
      {
        kind: 'classification',
        rows: 6,
        accuracy: 2 / 3,
        confusionMatrix: [
          [2, 0, 0],
          [0, 2, 2],
          [0, 0, 0],
        ],
      },
      { kind: 'classification', rows: 6, accuracy: 0 },
    ]);
    const { agreement, divergence } = candidates[0]!.outputs[0]!;
    expect(agreement).toEqual({ rows: 6, top1: 0 });
    expect(divergence).toBeGreaterThan(0);
  });

  it('judges numbers by their errors', async () => {
    const model = identity(value('x', ['n', 2]), value('y', ['n', 2]));
    const x = new Tensor('float32', [1, 2, 3, 4], [2, 2]);
    const labels = [
      [1, 2],
      [3, 6],
    ];
    const { quality } = await compare([model, model], [{ feeds: { x }, labels }]);
    expect(quality![1]).toMatchObject({ kind: 'regression', maxError: 2, meanAbsoluteError: 0.5 });
    const single = identity(value('x', ['n']), value('y', ['n']));
    const probabilities: Sample = {
      feeds: { x: new Tensor('float32', [0.2, 0.7], [2]) },
      labels: [0, 1],
    };
    const found = await compare([single, single], [probabilities], { task: 'classification' });
    expect(found.quality![0]).toMatchObject({ accuracy: 1 });
    expect((await compare([single, single], [probabilities])).quality![0]!.kind).toBe('regression');
  });

  it('names what it does not compare', async () => {
    const sample: Sample = {
      feeds: { x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) },
      labels: [0, 1],
    };
    const found = await compare(['tree_classifier.onnx', 'tree_classifier.onnx'], [sample]);
    expect(found.candidates[0]!.notCompared).toEqual(['probabilities']);
    expect(found.candidates[0]!.outputs[0]!.agreement).toBeUndefined();
    expect(found.quality![0]!.kind).toBe('classification');
  });

  it('tells how far it is, and can be stopped', async () => {
    const sample: Sample = { feeds: { a: ramp([4]), b: ramp([4]) } };
    const done: number[] = [];
    const models = ['add4.onnx', 'add4.tflite'];
    await compare(models, [sample, sample], { onSample: (count) => done.push(count) });
    expect(done).toEqual([1, 2]);
    const signal = AbortSignal.abort();
    await expect(compare(models, [sample], { signal })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    });
  });

  it('says what is wrong', async () => {
    const two = ['mlp.onnx', 'conv.onnx'];
    const error = await compare(two, []).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'ERR_SHAPE_MISMATCH' });
    expect((error as Error).message).toContain('x: float32[batch,16]');
    expect((error as Error).message).toContain('x: float32[1,3,8,8]');
    const add = ['add4.onnx', 'add4.onnx'];
    const x = ramp([4]);
    for (const [samples, compareOptions] of [
      [[], {}],
      [undefined, {}],
      [[null], {}],
      [[{}], {}],
      [[{ feeds: { a: x, b: x }, labels: 1 }], {}],
      [[{ feeds: { a: 1, b: x } }], {}],
      [[{ feeds: { a: x, b: x, c: x } }], {}],
      [[{ feeds: { a: x, b: x }, labels: [1] }], { output: 'y' }],
      [[{ feeds: { a: x, b: x } }], { temperature: -1 }],
      [[{ feeds: { a: x, b: x } }], { task: 'guessing' }],
      [[{ feeds: { a: x, b: x } }], { what: 1 }],
    ] as unknown as [Sample[], CompareOptions][]) {
      await expect(compare(add, samples, compareOptions)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
    await expect(
      compare(add, [{ feeds: { a: x, b: x }, labels: [1, 2, 3] }]),
    ).rejects.toMatchObject({ code: 'ERR_SHAPE_MISMATCH' });
    for (const sessionsOf of [null, {}, [1, 2]] as unknown as InferenceSession[][]) {
      await expect(compareModels(sessionsOf, [])).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
    await expect(compare(['add4.onnx'], [])).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    const strings = ['identity_string.onnx', 'identity_string.onnx'];
    await expect(compare(strings, [])).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });
});
