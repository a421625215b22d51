import type { Quantization } from '../../engine/session/metadata';
import { isStandard, type NodeProto } from '../../formats/onnx';
import { weightLayout, type WeightLayout } from '../linear/weight-layout';

/** Two activations of 255 times weights of this sum are the last that fit 16 bits: 255 · 128. */
export const SATURATION_LIMIT = 128;

/** What x64 processors without VNNI may make of a layer's weights. */
export interface Saturation {
  /** Pairs of weights whose products are added in 16 bits. */
  readonly pairs: number;
  /** Those of them whose sum saturates at some activations. */
  readonly saturating: number;
  /** The greatest sum of weights of one sign in a pair; up to {@link SATURATION_LIMIT} is exact. */
  readonly worst: number;
}

/**
 * Visits the pairs of weights whose products ONNX Runtime's kernels (MLAS) add in 16 bits: elements
 * 2j and 2j + 1 of what a row of weights is multiplied with, the last alone if their number is odd;
 * in a convolution that order is by place in the kernel first, then by input channel of the group.
 * Depthwise convolutions multiply in 32 bits: they have no pairs.
 *
 * @param visit - with the indices of both, −1 for one that is not there, in the order in which
 *   weights lie as far as that can be
 */
function forEachPair(
  { inputs, outputs, groups, kernel: places, inputsFirst }: WeightLayout,
  visit: (output: number, first: number, second: number) => void,
): void {
  const inputsOfGroup = inputs / groups;
  if (groups > 1 && inputsOfGroup === 1) return;
  const length = inputsOfGroup * places;
  if (inputsFirst) {
    for (let index = 0; index < length; index += 2) {
      const first = index * outputs;
      const next = index + 1 < length ? outputs : -1;
      for (let output = 0; output < outputs; output++) {
        visit(output, first + output, next < 0 ? -1 : first + next + output);
      }
    }
    return;
  }
  // Where a row's weights lie, in the order in which they are multiplied.
  const offsets = Int32Array.from(
    { length },
    (_, index) => (index % inputsOfGroup) * places + Math.floor(index / inputsOfGroup),
  );
  for (let output = 0; output < outputs; output++) {
    const start = output * length;
    for (let index = 0; index < length; index += 2) {
      const second = index + 1 < length ? start + (offsets[index + 1] ?? 0) : -1;
      visit(output, start + (offsets[index] ?? 0), second);
    }
  }
}

/** Undefined for operators that no kernel multiplies in pairs. */
const pairedLayout = (node: NodeProto, dims: readonly number[]): WeightLayout | undefined =>
  isStandard(node, 'ConvTranspose') ? undefined : weightLayout(node, dims);

/** The greatest sum of a pair's weights of one sign: activations are not negative. */
function pairSum(weights: ArrayLike<number>, first: number, second: number): number {
  const one = weights[first] ?? 0;
  const other = second < 0 ? 0 : (weights[second] ?? 0);
  const positive = (one > 0 ? one : 0) + (other > 0 ? other : 0);
  const negative = positive - one - other;
  return positive > negative ? positive : negative;
}

/**
 * Which sums of a layer of uint8 activations and int8 weights can saturate where `vpmaddubsw` adds
 * the products of two activations and two weights in 16 bits.
 *
 * @param node - a Conv, Gemm or MatMul; undefined is returned for others
 * @param weights - its weights, quantised with zero point 0
 */
export function saturation(
  node: NodeProto,
  weights: Int8Array,
  dims: readonly number[],
): Saturation | undefined {
  const layout = pairedLayout(node, dims);
  if (!layout) return undefined;
  const result = { pairs: 0, saturating: 0, worst: 0 };
  forEachPair(layout, (_output, first, second) => {
    const sum = pairSum(weights, first, second);
    result.pairs++;
    if (sum > SATURATION_LIMIT) result.saturating++;
    if (sum > result.worst) result.worst = sum;
  });
  return result;
}

/**
 * Raises the scales of a layer's int8 weights by as much as keeps every pair from saturating: twice
 * where the two greatest weights of a channel are a pair, and less where they are not.
 *
 * @param node - a Conv, Gemm or MatMul; the parameters of others are given back as they are
 * @param quantization - symmetric, with one scale or one for each channel that the layer makes
 */
export function withoutSaturation(
  node: NodeProto,
  values: Float32Array,
  dims: readonly number[],
  quantization: Quantization,
): Quantization {
  const layout = pairedLayout(node, dims);
  if (!layout) return quantization;
  const sums = new Float64Array(quantization.scale.length);
  const isShared = sums.length === 1;
  forEachPair(layout, (output, first, second) => {
    const channel = isShared ? 0 : output;
    const sum = pairSum(values, first, second);
    if (sum > (sums[channel] ?? 0)) sums[channel] = sum;
  });
  // Rounding can add half to each of a pair.
  const scale = quantization.scale.map((own, channel) =>
    Math.max(own, Math.fround((sums[channel] ?? 0) / (SATURATION_LIMIT - 1))),
  );
  return { ...quantization, scale };
}
