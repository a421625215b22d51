import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import {
  GraphEditor,
  makeFloats,
  makeNode,
  OnnxDataType,
  readOnnxModel,
  writeOnnxModel,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../../../lib/formats/onnx';
import { blockedQdq, type BlockOptions } from '../../../../lib/optimize/quantize/blocks';
import type { OperatorDecision } from '../../../../lib/optimize/quantize/decision';
import {
  quantizeWeights,
  type WeightOnlyOptions,
} from '../../../../lib/optimize/quantize/weight-only';

/** Without it inputs are rounded to int8 where the runtime makes MatMulNBits of DequantizeLinear. */
const extra = { session: { qdq_matmulnbits_accuracy_level: '1' } };
const session = { logSeverityLevel: 4, extra } as const;

const value = (name: string, dims: number[]): GraphProto['input'][number] => ({
  name,
  metadataProps: [],
  type: {
    tensorType: {
      elemType: OnnxDataType.FLOAT,
      shape: { dim: dims.map((dim) => (dim < 0 ? { dimParam: 'n' } : { dimValue: dim })) },
    },
  },
});

/** Numbers without a pattern that blocks could fall in with. */
const noise = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => {
    const scrambled = Math.sin((at + 1) * seed * 12.9898) * 43758.5453;
    return 4 * (scrambled - Math.floor(scrambled)) - 2;
  });

interface ModelParts {
  readonly nodes: NodeProto[];
  readonly initializer: TensorProto[];
  readonly input: number[];
  readonly outputs?: string[];
  readonly opset?: number;
}

const model = ({
  nodes,
  initializer,
  input,
  outputs = ['y'],
  opset = 17,
}: ModelParts): ModelProto => ({
  irVersion: 8,
  opsetImport: [{ domain: '', version: opset }],
  metadataProps: [],
  functions: [],
  graph: {
    name: 'weights',
    node: nodes,
    initializer,
    input: [value('x', input)],
    output: outputs.map((name) => ({ ...value(name, []), type: { tensorType: { elemType: 1 } } })),
    valueInfo: [],
    quantizationAnnotation: [],
    sparseInitializer: [],
    metadataProps: [],
  },
});

function quantize(
  parts: ModelParts,
  options?: WeightOnlyOptions,
): { result: ModelProto; bytes: Uint8Array; decisions: OperatorDecision[] } {
  const editor = new GraphEditor(readOnnxModel(writeOnnxModel(model(parts))));
  const decisions = quantizeWeights(editor, options);
  const bytes = writeOnnxModel(editor.commit());
  return { result: readOnnxModel(bytes), bytes, decisions };
}

async function run(bytes: Uint8Array, x: Tensor): Promise<Float32Array[]> {
  await using created = await InferenceSession.create(bytes, session);
  const results = await created.run({ x });
  return Object.values(results).map(({ data }) => data as Float32Array);
}

/** What a weight [K, N] is when dequantised: by the blocks of ONNX, whose integers are plain. */
function dequantized(
  values: Float32Array,
  k: number,
  n: number,
  options: BlockOptions,
): Float32Array {
  const { data, scales, zeroPoints } = blockedQdq(values, k, n, options);
  const half = 2 ** (options.bits - 1);
  const levelAt = (bytes: Uint8Array, at: number): number =>
    options.bits === 8 ? bytes[at]! : (bytes[at >> 1]! >> (4 * (at & 1))) & 15;
  return values.map((_, at) => {
    const scale = Math.floor(Math.floor(at / n) / options.blockSize) * n + (at % n);
    // Without zero points the integers have a sign, in two's complement.
    const level = zeroPoints
      ? levelAt(data, at) - levelAt(zeroPoints, scale)
      : (levelAt(data, at) ^ half) - half;
    return level * scales[scale]!;
  });
}

function greatestDifference(found: Float32Array[], expected: Float32Array[]): number {
  expect(found.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  return Math.max(
    ...found.flatMap((values, at) =>
      Array.from(values, (each, i) => Math.abs(each - expected[at]![i]!)),
    ),
  );
}

const operators = ({ graph }: ModelProto): string[] => graph!.node.map(({ opType }) => opType!);

const forms = [4, 8].flatMap((bits) =>
  [true, false].flatMap((symmetric) =>
    (['qoperator', 'qdq'] as const).flatMap((format) =>
      [
        { k: 64, n: 24, blockSize: 32 },
        { k: 70, n: 17, blockSize: 16 },
        { k: 33, n: 40, blockSize: 32 },
        { k: 300, n: 5, blockSize: 256 },
      ].map((shape) => ({ bits: bits as 4 | 8, symmetric, format, ...shape })),
    ),
  ),
);

describe('a MatMul of quantised weights gives what dequantised ones give', () => {
  it.each(forms)(
    '$bits bits, symmetric $symmetric, $format, [$k, $n] in blocks of $blockSize',
    async ({ k, n, ...options }) => {
      const weight = noise(k * n);
      const parts = (values: Float32Array): ModelParts => ({
        nodes: [makeNode('MatMul', ['x', 'w'], ['y'], { name: 'product' })],
        initializer: [makeFloats('w', values, [k, n])],
        input: [-1, k],
        opset: 21,
      });
      const { result, bytes, decisions } = quantize(parts(weight), options);
      const as = `weights ${options.symmetric ? 'int' : 'uint'}${options.bits} in blocks of ${options.blockSize}`;
      expect(decisions).toEqual([{ node: 'product', operator: 'MatMul', as }]);
      expect(operators(result)).toEqual(
        options.format === 'qdq' ? ['DequantizeLinear', 'MatMul'] : ['MatMulNBits'],
      );
      const x = new Tensor('float32', noise(3 * k, 7), [3, k]);
      const reference = writeOnnxModel(model(parts(dequantized(weight, k, n, options))));
      expect(greatestDifference(await run(bytes, x), await run(reference, x))).toBeLessThan(
        k * 1e-6,
      );
    },
  );
});

describe('which weights are quantised', () => {
  const x = new Tensor('float32', noise(3 * 64, 7), [3, 64]);
  const weight = makeFloats('w', noise(64 * 64), [64, 64]);

  it('once where several operators share them', async () => {
    const parts: ModelParts = {
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['h']),
        makeNode('Gemm', ['h', 'w', 'b'], ['g'], { name: 'dense' }),
        makeNode('Gemm', ['g', 'w'], ['y'], { name: 'turned', attributes: { transB: 1n } }),
      ],
      initializer: [weight, makeFloats('b', noise(64, 3))],
      input: [-1, 64],
      opset: 21,
    };
    const expected = await run(writeOnnxModel(model(parts)), x);
    for (const format of ['qoperator', 'qdq'] as const) {
      const { result, bytes, decisions } = quantize(parts, { bits: 8, format });
      expect(decisions.map(({ node, as }) => [node, as])).toEqual(
        ['h', 'dense', 'turned'].map((node) => [node, 'weights int8 in blocks of 32']),
      );
      const large = result.graph!.initializer.filter(({ dims }) => dims.length > 1);
      // Integers and scales, of the weight and of its transpose.
      expect(large).toHaveLength(4);
      const [found] = await run(bytes, x);
      const size = Math.max(...expected[0]!.map(Math.abs));
      expect(greatestDifference([found!], expected)).toBeLessThan(size * 0.02);
    }
  });

  it('not at all where another operator keeps them, and says why', () => {
    const { result, decisions } = quantize(
      {
        nodes: [
          makeNode('MatMul', ['x', 'w'], ['h']),
          makeNode('Add', ['h', 'w'], ['k']),
          makeNode('MatMul', ['k', 'small'], ['l']),
          makeNode('MatMul', ['l', 'k'], ['m']),
          makeNode('MatMul', ['m', 'deep'], ['n']),
          makeNode('Gemm', ['n', 'other'], ['o'], { attributes: { alpha: 0.5 } }),
          makeNode('Gemm', ['o', 'other'], ['p'], { attributes: { transA: 1n } }),
          makeNode('MatMul', ['p', 'last'], ['y'], { name: 'last' }),
        ],
        initializer: [
          weight,
          makeFloats('small', noise(64 * 2), [64, 2]),
          makeFloats('deep', noise(2048), [2, 64, 16]),
          makeFloats('other', noise(2048), [64, 32]),
          makeFloats('last', noise(2048), [64, 32]),
        ],
        input: [64, 64],
      },
      { exclude: ['last'] },
    );
    expect(decisions.map(({ reason }) => reason)).toEqual([
      "its weights stay for Add 'k'",
      'too small: 128 weights',
      'its weights are not constant',
      'its weights have 3 dimensions',
      'its product or bias is scaled (alpha, beta)',
      'its input is transposed',
      'excluded by name',
    ]);
    expect(operators(result)).not.toContain('MatMulNBits');
  });

  it('of no model that has not the operators, or by options that are not there', () => {
    const parts: ModelParts = {
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      initializer: [weight],
      input: [-1, 64],
    };
    const failure = (options: object): unknown => {
      try {
        return quantize(parts, options);
      } catch (error) {
        return error;
      }
    };
    expect(failure({ format: 'qdq' })).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("format 'qoperator'"),
    });
    for (const wrong of [
      { bits: 3 },
      { blockSize: 48 },
      { accuracyLevel: 5 },
      { exclude: ['z'] },
    ]) {
      expect(failure(wrong)).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    }
  });

  it('of a vector times a matrix', async () => {
    const parts: ModelParts = {
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      initializer: [weight],
      input: [64],
    };
    const vector = new Tensor('float32', noise(64, 7), [64]);
    const expected = await run(writeOnnxModel(model(parts)), vector);
    const found = await run(quantize(parts, { bits: 8 }).bytes, vector);
    expect(greatestDifference(found, expected)).toBeLessThan(0.5);
  });
});
