import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { blockedQdq, matMulNBits } from '../../../../lib/optimize/quantize/blocks';
import { float16Weights } from '../../../../lib/optimize/quantize/float16';
import { dequantizeArray, quantizeArray } from '../../../../lib/optimize/quantize/integers';
import {
  biasParameters,
  rangeParameters,
  softmaxParameters,
  weightParameters,
  type IntegerType,
  type ParameterOptions,
  type Range,
} from '../../../../lib/optimize/quantize/parameters';
import { codeOf } from '../../support';

interface OfBlocks {
  readonly bits?: 4 | 8;
  readonly symmetric: boolean;
  readonly data: number[];
  readonly scales: number[];
  readonly zeroPoints?: number[];
}

/** What onnxruntime.quantization and NumPy say; generate.py beside it made it. */
const file = path.join(
  import.meta.dirname,
  '../../../fixtures/onnxruntime-quantization/expected.json',
);
const golden = JSON.parse(readFileSync(file, 'utf8')) as {
  parameters: {
    range: Range;
    type: IntegerType;
    options: ParameterOptions;
    expected: { scale: number[]; zeroPoint: number[] };
  }[];
  weights: {
    values: number[];
    dims: number[];
    axis: number | null;
    type: IntegerType;
    scale: number[];
    zeroPoint: number[];
    quantised: number[];
  }[];
  biases: {
    bias: number[];
    inputScale: number;
    weightScale: number[];
    isPerChannel: boolean;
    raised: number[];
    scale: number[];
    quantised: number[];
  }[];
  blocks: {
    k: number;
    n: number;
    blockSize: number;
    weight: number[];
    matMulNBits: OfBlocks[];
    qdq: OfBlocks[];
  }[];
  float16: { values: number[]; bits: number[] };
};

/** The float32 of each number that was written in the fewest digits. */
const rounded = (values: readonly number[]): number[] => values.map(Math.fround);

describe('as onnxruntime.quantization', () => {
  it('parameters of ranges', () => {
    for (const { range, type, options, expected } of golden.parameters) {
      const found = rangeParameters(range, type, options);
      const what = JSON.stringify({ range, type, options });
      expect(found, what).toEqual({ ...expected, scale: rounded(expected.scale) });
    }
  });

  it.each(golden.weights)('weights $dims on axis $axis as $type', (weight) => {
    const { dims, axis, type } = weight;
    const values = Float32Array.from(weight.values);
    const found = weightParameters(values, dims, type, axis === null ? {} : { axis });
    expect(found.scale).toEqual(rounded(weight.scale));
    expect(found.zeroPoint).toEqual(weight.zeroPoint);
    const quantised = quantizeArray(values, dims, found, type);
    expect(Array.from(quantised)).toEqual(weight.quantised);
    const real = dequantizeArray(quantised, dims, found);
    const step = Math.max(...found.scale);
    real.forEach((value, index) => {
      expect(Math.abs(value - values[index]!)).toBeLessThanOrEqual(0.5001 * step);
    });
  });

  it.each(golden.biases)('biases of $weightScale', (layer) => {
    const bias = Float32Array.from(layer.bias);
    const weight = {
      scale: rounded(layer.weightScale),
      zeroPoint: layer.weightScale.map(() => 0),
      ...(layer.isPerChannel ? { axis: 0 } : {}),
    };
    const found = biasParameters(bias, Math.fround(layer.inputScale), weight);
    expect(found.weight.scale).toEqual(rounded(layer.raised));
    expect(found.bias.scale).toEqual(rounded(layer.scale));
    expect(Array.from(quantizeArray(bias, [3], found.bias, 'int32'))).toEqual(layer.quantised);
  });

  it.each(golden.blocks)('blocks of $blockSize in [$k, $n]', ({ k, n, blockSize, ...found }) => {
    const weight = Float32Array.from(found.weight);
    const check = (
      { data, scales, zeroPoints }: ReturnType<typeof matMulNBits>,
      expected: OfBlocks,
    ): void => {
      const what = `${expected.bits ?? 4} bits, symmetric ${expected.symmetric}`;
      expect(Array.from(scales), what).toEqual(rounded(expected.scales));
      expect(zeroPoints && Array.from(zeroPoints), what).toEqual(expected.zeroPoints);
      expect(Array.from(data), what).toEqual(expected.data);
    };
    for (const expected of found.matMulNBits) {
      const { bits = 4, symmetric } = expected;
      check(matMulNBits(weight, k, n, { bits, blockSize, symmetric }), expected);
    }
    for (const expected of found.qdq) {
      const { symmetric } = expected;
      check(blockedQdq(weight, k, n, { bits: 4, blockSize, symmetric }), expected);
    }
  });

  it('16-bit floats', () => {
    const { values, bits } = golden.float16;
    expect(Array.from(float16Weights(Float32Array.from(values)))).toEqual(bits);
  });
});

describe('what has no reference', () => {
  it('keeps what is no number in 16 bits', () => {
    const bits = float16Weights(Float32Array.of(NaN, Infinity, -Infinity, 0));
    expect(Array.from(bits)).toEqual([0x7e00, 0x7c00, 0xfc00, 0]);
  });

  it('quantises 8-bit blocks for DequantizeLinear within half a step', () => {
    const [k, n, blockSize] = [40, 3, 16];
    const weight = Float32Array.from({ length: k * n }, (_, index) => Math.sin(index * 7));
    for (const symmetric of [true, false]) {
      const { data, scales, zeroPoints } = blockedQdq(weight, k, n, {
        bits: 8,
        blockSize,
        symmetric,
      });
      const levels = symmetric ? new Int8Array(data.buffer) : data;
      levels.forEach((level, index) => {
        const block = Math.floor(index / n / blockSize) * n + (index % n);
        const real = scales[block]! * (level - (zeroPoints?.[block] ?? 0));
        // The greatest positive magnitude is one step beyond the greatest level where symmetric.
        const steps = symmetric ? 1.001 : 0.501;
        expect(Math.abs(real - weight[index]!)).toBeLessThanOrEqual(
          steps * Math.abs(scales[block]!),
        );
      });
    }
  });

  it('gives Softmax all of 0 to 1', () => {
    expect(softmaxParameters('uint8')).toEqual({ scale: [1 / 256], zeroPoint: [0] });
    expect(softmaxParameters('int8')).toEqual({ scale: [1 / 256], zeroPoint: [-128] });
  });

  it('refuses what cannot be quantised', () => {
    const values = Float32Array.of(1, NaN);
    const parameters = { scale: [1], zeroPoint: [0] };
    const blocks = { bits: 4, blockSize: 16, symmetric: true } as const;
    for (const operation of [
      () => rangeParameters({ min: 0, max: Infinity }, 'int8'),
      () => weightParameters(values, [2], 'int8'),
      () => weightParameters(Float32Array.of(1, 2), [2], 'int8', { axis: 1 }),
      () => biasParameters(values, 1, { scale: [1], zeroPoint: [0], axis: 0 }),
      () => quantizeArray(values, [3], parameters, 'int8'),
      () => quantizeArray(values, [2], { ...parameters, axis: 0 }, 'int8'),
      () => matMulNBits(values, 2, 1, blocks),
      () => matMulNBits(values, 2, 2, blocks),
      () => matMulNBits(values, 2, 1, { ...blocks, blockSize: 20 }),
      () => matMulNBits(values, 2, 1, { ...blocks, bits: 5 as 4 }),
    ]) {
      expect(codeOf(operation)).toBe('ERR_INVALID_ARGUMENT');
    }
  });
});
