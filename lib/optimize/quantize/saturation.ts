import { isStandard, type NodeProto } from '../../formats/onnx';
import { weightLayout } from '../linear/weight-layout';

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
 * Which sums of a layer of uint8 activations and int8 weights can saturate where `vpmaddubsw` adds
 * the products of two activations and two weights in 16 bits. Activations are not negative, so it
 * is weights of the same sign that add up.
 *
 * The pairs are those of ONNX Runtime's kernels (MLAS): elements 2j and 2j + 1 of what a row of
 * weights is multiplied with, the last alone if their number is odd; in a convolution that order is
 * by place in the kernel first, then by input channel of the group. Depthwise convolutions multiply
 * in 32 bits: they have no pairs.
 *
 * @param node - a Conv, Gemm or MatMul; undefined is returned for others
 * @param weights - its weights, quantised with zero point 0
 */
export function saturation(
  node: NodeProto,
  weights: Int8Array,
  dims: readonly number[],
): Saturation | undefined {
  const layout = weightLayout(node, dims);
  if (!layout || isStandard(node, 'ConvTranspose')) return undefined;
  const { inputs, outputs, groups, kernel: places, inputsFirst } = layout;
  const inputsOfGroup = inputs / groups;
  if (groups > 1 && inputsOfGroup === 1) return { pairs: 0, saturating: 0, worst: 0 };
  // Where weight number `index` of a row lies, in the order in which they are multiplied.
  const stride = inputsFirst ? outputs : 1;
  const length = inputsOfGroup * places;
  const offset = (index: number): number =>
    ((index % inputsOfGroup) * places + Math.floor(index / inputsOfGroup)) * stride;
  const result = { pairs: 0, saturating: 0, worst: 0 };
  for (let output = 0; output < outputs; output++) {
    const start = inputsFirst ? output : output * length;
    for (let index = 0; index < length; index += 2) {
      const first = weights[start + offset(index)] ?? 0;
      const second = index + 1 < length ? (weights[start + offset(index + 1)] ?? 0) : 0;
      const positive = Math.max(first, 0) + Math.max(second, 0);
      const sum = Math.max(positive, positive - first - second);
      result.pairs++;
      if (sum > SATURATION_LIMIT) result.saturating++;
      if (sum > result.worst) result.worst = sum;
    }
  }
  return result;
}
