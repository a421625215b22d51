import type { Quantization } from '../../engine/session/metadata';
import { elementCount } from '../../engine/tensor/element-type';
import { roundHalfToEven } from '../../engine/tensor/rounding';
import { invalidArgument } from '../../errors';

/** What activations and weights are quantised to. */
export type IntegerType = 'int8' | 'uint8';

/** The real values that a tensor takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface ParameterOptions {
  /** The range is made as wide on both sides of 0. */
  readonly symmetric?: boolean;
}

/** The parameters of a layer's int32 bias with those of its weight, which may have been widened. */
export interface BiasParameters {
  readonly bias: Quantization;
  readonly weight: Quantization;
}

/** What integers there are. */
export const FULL: Readonly<Record<IntegerType, Range>> = {
  int8: { min: -128, max: 127 },
  uint8: { min: 0, max: 255 },
};
const SYMMETRIC: Readonly<Record<IntegerType, Range>> = {
  int8: { min: -127, max: 127 },
  uint8: FULL.uint8,
};

/** The least normal float32: a scale below it would be flushed to 0. */
export const LEAST_SCALE = 2 ** -126;

const INT32_LEVELS = 2 ** 32 - 2;
/** Keeps a bias from being rounded to just beyond int32. */
const BIAS_MARGIN = 1.0001;

/** Softmax gives probabilities, whatever the calibration saw. */
export const SOFTMAX_RANGE: Range = { min: 0, max: 1 };

/** The fixed parameters of QLinearSoftmax's output: steps of 1/256. */
export const softmaxParameters = (type: IntegerType): Quantization => ({
  scale: [1 / 256],
  zeroPoint: [FULL[type].min],
});

/** Scale and zero point of one range; the difference of the ends is float32's, as ORT's. */
function scaleAndZeroPoint(
  range: Range,
  integers: Range,
  symmetric: boolean,
): readonly [scale: number, zeroPoint: number] {
  let min = Math.min(Math.fround(range.min), 0);
  let max = Math.max(Math.fround(range.max), 0);
  if (!Number.isFinite(max - min)) throw invalidArgument('range', 'finite numbers', max - min);
  if (symmetric) {
    max = Math.max(-min, max);
    min = -max;
  }
  const span = Math.fround(max - min);
  // The ends of float32 are further apart than it can say.
  const scale = (span === Infinity ? max - min : span) / (integers.max - integers.min);
  if (scale < LEAST_SCALE) return [1, 0];
  const zeroPoint = symmetric
    ? roundHalfToEven((integers.min + integers.max) / 2)
    : roundHalfToEven(integers.min - min / scale);
  return [Math.fround(scale), zeroPoint + 0];
}

/**
 * Parameters of a tensor by its range, as `compute_scale_zp` of onnxruntime.quantization: the range
 * is widened to hold 0, which is then exact.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for a range that is not finite.
 */
export function rangeParameters(
  range: Range,
  type: IntegerType,
  options: ParameterOptions = {},
): Quantization {
  const { symmetric = false } = options;
  const integers = (symmetric ? SYMMETRIC : FULL)[type];
  const [scale, zeroPoint] = scaleAndZeroPoint(range, integers, symmetric);
  return { scale: [scale], zeroPoint: [zeroPoint] };
}

/** How the channels of an axis lie in a tensor's data: `outer` times each of `channels` rows. */
export interface ChannelLayout {
  readonly outer: number;
  readonly channels: number;
  /** Elements of one row. */
  readonly inner: number;
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for an axis that the dims do not have. */
export function channelLayout(dims: readonly number[], axis: number | undefined): ChannelLayout {
  if (axis === undefined) return { outer: 1, channels: 1, inner: elementCount(dims, 'dims') };
  const index = axis < 0 ? axis + dims.length : axis;
  const channels = dims[index];
  if (channels === undefined) throw invalidArgument('axis', 'the index of a dimension', axis);
  return {
    outer: elementCount(dims.slice(0, index), 'dims'),
    channels,
    inner: elementCount(dims.slice(index + 1), 'dims'),
  };
}

/** The least and the greatest value of each channel, 0 among them. */
export interface ChannelRanges {
  readonly minima: Float32Array;
  readonly maxima: Float32Array;
}

/** @param poison - 0 unless a value is NaN or infinite */
function requireFinite(poison: number): void {
  if (poison !== 0) throw invalidArgument('values', 'finite numbers', NaN);
}

/**
 * Of rows of as many values as there are channels, one of each.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for values that are not finite.
 */
export function columnRanges(values: Float32Array, channels: number): ChannelRanges {
  const minima = new Float32Array(channels);
  const maxima = new Float32Array(channels);
  let poison = 0;
  for (let index = 0; index < values.length;) {
    for (let channel = 0; channel < channels; channel++, index++) {
      const value = values[index] ?? 0;
      if (value < (minima[channel] ?? 0)) minima[channel] = value;
      if (value > (maxima[channel] ?? 0)) maxima[channel] = value;
      poison += value * 0;
    }
  }
  requireFinite(poison);
  return { minima, maxima };
}

function channelRanges(
  values: Float32Array,
  { outer, channels, inner }: ChannelLayout,
): ChannelRanges {
  if (inner === 1 && channels > 0) return columnRanges(values, channels);
  const minima = new Float32Array(channels);
  const maxima = new Float32Array(channels);
  let poison = 0;
  let start = 0;
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++, start += inner) {
      let min = minima[channel] ?? 0;
      let max = maxima[channel] ?? 0;
      for (let index = start; index < start + inner; index++) {
        const value = values[index] ?? 0;
        if (value < min) min = value;
        if (value > max) max = value;
        poison += value * 0;
      }
      minima[channel] = min;
      maxima[channel] = max;
    }
  }
  requireFinite(poison);
  return { minima, maxima };
}

/**
 * Parameters of a weight by its values, symmetric unless `symmetric` is false: kernels want one
 * zero point for all channels.
 *
 * @param options - with an axis, one scale for each of its channels: 0 for Conv, 1 for
 *   ConvTranspose and MatMul, 0 or 1 for Gemm by transB
 * @throws OnliteError ERR_INVALID_ARGUMENT for values that are not finite, or a wrong axis.
 */
export function weightParameters(
  values: Float32Array,
  dims: readonly number[],
  type: IntegerType,
  options: ParameterOptions & { readonly axis?: number } = {},
): Quantization {
  const { axis } = options;
  const symmetric = options.symmetric ?? true;
  const integers = (symmetric ? SYMMETRIC : FULL)[type];
  const { minima, maxima } = channelRanges(values, channelLayout(dims, axis));
  const found = Array.from(minima, (min, channel) =>
    scaleAndZeroPoint({ min, max: maxima[channel] ?? 0 }, integers, symmetric),
  );
  return {
    scale: found.map(([scale]) => scale),
    zeroPoint: found.map(([, zeroPoint]) => zeroPoint),
    ...(axis === undefined ? {} : { axis: axis < 0 ? axis + dims.length : axis }),
  };
}

/**
 * Parameters of the int32 bias of a layer: scale input · weight · beta, zero point 0. Where that
 * scale is too small to hold the bias, the weight's is raised, as by
 * `_adjust_weight_scale_for_int32_bias` of onnxruntime.quantization; so a weight is quantised after
 * its bias has been asked for.
 *
 * @param bias - a value for each channel of the weight, or any number where the weight has one scale
 * @param beta - Gemm's
 */
export function biasParameters(
  bias: Float32Array,
  inputScale: number,
  weight: Quantization,
  beta = 1,
): BiasParameters {
  const isPerChannel = weight.axis !== undefined;
  if (isPerChannel && weight.scale.length !== bias.length) {
    throw invalidArgument('bias', `${weight.scale.length} values, as the weight has scales`, bias);
  }
  const greatest = bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const raised = weight.scale.map((scale, channel) => {
    const magnitude = isPerChannel ? Math.abs(bias[channel] ?? 0) : greatest;
    const least = (BIAS_MARGIN * 2 * magnitude) / INT32_LEVELS;
    const product = inputScale * scale;
    return product > 0 && product < least ? Math.fround(scale * (least / product)) : scale;
  });
  const scale = raised.map((each) => Math.fround(Math.fround(inputScale * each) * beta));
  const zeroPoint = scale.map(() => 0);
  return {
    bias: { scale, zeroPoint, ...(isPerChannel ? { axis: 0 } : {}) },
    weight: { ...weight, scale: raised },
  };
}
