import { TO_INTEGER } from './rounding';

/** Limits of onnxconverter-common: float16's least number above 0 and its greatest. */
const LEAST = 5.96e-8;
const MOST = 65504;

const INFINITE = 0x7c00;
const NOT_A_NUMBER = 0x7e00;

const LEAST_NORMAL = 2 ** -14;
/** Subnormal numbers are multiples of 2^-24. */
const SUBNORMALS = 2 ** 24;
/** Bits of float32's fraction that float16 has not. */
const DROPPED = 13;
/** Just below half of them. */
const ROUND = 2 ** (DROPPED - 1) - 1;
/** What float32's exponent is greater by, in place. */
const EXPONENT_OFFSET = (127 - 15) << 23;

/**
 * Rounds a weight to 16-bit floats, halves to even. As onnxconverter-common has it, no number
 * becomes 0 or infinite but those that are.
 *
 * @returns the bits
 */
export function float16Weights(values: Float32Array): Uint16Array<ArrayBuffer> {
  const result = new Uint16Array(values.length);
  const clamped = new Float32Array(1);
  const bits = new Uint32Array(clamped.buffer);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    const magnitude = Math.abs(value);
    const sign = value < 0 ? 0x8000 : 0;
    if (magnitude >= LEAST_NORMAL && magnitude < Infinity) {
      clamped[0] = Math.min(magnitude, MOST);
      const float32 = (bits[0] ?? 0) - EXPONENT_OFFSET;
      // A carry out of the fraction is one into the exponent.
      result[index] = sign | ((float32 + ROUND + ((float32 >> DROPPED) & 1)) >> DROPPED);
    } else if (magnitude < LEAST_NORMAL) {
      const least = magnitude === 0 ? 0 : Math.max(magnitude, LEAST);
      result[index] = sign | (least * SUBNORMALS + TO_INTEGER - TO_INTEGER);
    } else {
      result[index] = sign | (magnitude === Infinity ? INFINITE : NOT_A_NUMBER);
    }
  }
  return result;
}
