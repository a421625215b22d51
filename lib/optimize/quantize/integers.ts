import type { Quantization } from '../../engine/session/metadata';
import { invalidArgument } from '../../errors';
import { channelLayout } from './parameters';
import { TO_INTEGER } from './rounding';

interface IntegerArrays {
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int16: Int16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
}

type Integers = IntegerArrays[keyof IntegerArrays];

const KINDS = {
  int8: { array: Int8Array, min: -128, max: 127 },
  uint8: { array: Uint8Array, min: 0, max: 255 },
  int16: { array: Int16Array, min: -32768, max: 32767 },
  int32: { array: Int32Array, min: -(2 ** 31), max: 2 ** 31 - 1 },
} as const;

/**
 * As QuantizeLinear, whose division is float32's. A wide value, a bias, is divided in float64: it has
 * more digits than float32 holds.
 */
function quantizeRow(
  from: Float32Array,
  to: Integers,
  row: { readonly start: number; readonly end: number },
  { scale, zeroPoint }: { readonly scale: number; readonly zeroPoint: number },
  { min, max, isWide }: { readonly min: number; readonly max: number; readonly isWide: boolean },
): void {
  for (let index = row.start; index < row.end; index++) {
    const exact = (from[index] ?? 0) / scale;
    const rounded = (isWide ? exact : Math.fround(exact)) + TO_INTEGER - TO_INTEGER + zeroPoint;
    to[index] = rounded < min ? min : rounded > max ? max : rounded;
  }
}

/** Rows of one value of each channel, as {@link quantizeRow}. */
function quantizeColumns(
  from: Float32Array,
  to: Integers,
  { scale, zeroPoint }: Quantization,
  { min, max }: { min: number; max: number },
): void {
  const [scales, zeroPoints] = [Float64Array.from(scale), Float64Array.from(zeroPoint)];
  for (let index = 0; index < from.length;) {
    for (let channel = 0; channel < scales.length; channel++, index++) {
      const quotient = Math.fround((from[index] ?? 0) / (scales[channel] ?? 1));
      const rounded = quotient + TO_INTEGER - TO_INTEGER + (zeroPoints[channel] ?? 0);
      to[index] = rounded < min ? min : rounded > max ? max : rounded;
    }
  }
}

function requireFit(length: number, quantization: Quantization, dims: readonly number[]): void {
  const { outer, channels, inner } = channelLayout(dims, quantization.axis);
  if (length !== outer * channels * inner) {
    throw invalidArgument('values', `as many as [${dims.join(',')}] has elements`, length);
  }
  for (const [name, { length: count }] of [
    ['scale', quantization.scale],
    ['zeroPoint', quantization.zeroPoint],
  ] as const) {
    if (count !== channels) throw invalidArgument(name, `${channels} entries`, count);
  }
}

/**
 * Quantises a tensor: q = clip(round(x / scale) + zeroPoint), halves to even; int8 and uint8 to the
 * same integers as ONNX's QuantizeLinear, int32 (a bias) by a division in float64.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where values, dims and parameters do not fit.
 */
export function quantizeArray<Type extends keyof IntegerArrays>(
  values: Float32Array,
  dims: readonly number[],
  quantization: Quantization,
  type: Type,
): IntegerArrays[Type] {
  requireFit(values.length, quantization, dims);
  const { array, min, max } = KINDS[type];
  const result = new array(values.length);
  const isWide = type === 'int32';
  const { outer, channels, inner } = channelLayout(dims, quantization.axis);
  if (inner === 1 && !isWide) {
    quantizeColumns(values, result, quantization, { min, max });
    return result as IntegerArrays[Type];
  }
  let start = 0;
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++, start += inner) {
      const scale = quantization.scale[channel] ?? 1;
      const zeroPoint = quantization.zeroPoint[channel] ?? 0;
      const row = { start, end: start + inner };
      quantizeRow(values, result, row, { scale, zeroPoint }, { min, max, isWide });
    }
  }
  return result as IntegerArrays[Type];
}

/**
 * The real values of a quantised tensor, as DequantizeLinear: scale · (q − zeroPoint).
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where values, dims and parameters do not fit.
 */
export function dequantizeArray(
  values: Int8Array | Uint8Array | Int32Array,
  dims: readonly number[],
  quantization: Quantization,
): Float32Array<ArrayBuffer> {
  requireFit(values.length, quantization, dims);
  const result = new Float32Array(values.length);
  const { outer, channels, inner } = channelLayout(dims, quantization.axis);
  let start = 0;
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++, start += inner) {
      const scale = quantization.scale[channel] ?? 1;
      const zeroPoint = quantization.zeroPoint[channel] ?? 0;
      for (let index = start; index < start + inner; index++) {
        result[index] = scale * ((values[index] ?? 0) - zeroPoint);
      }
    }
  }
  return result;
}
