/** The value of a 16-bit IEEE float. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The float16 bits of `steps / 2048`, exact for whole steps from 0 to 2047. */
export function float16FromSteps(steps: number): number {
  if (steps === 0) return 0;
  const exponent = 31 - Math.clz32(steps);
  const fraction = (steps - 2 ** exponent) << (10 - exponent);
  return ((exponent - 11 + 15) << 10) | fraction;
}

/** The value of a bfloat16: the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}
