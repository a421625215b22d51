import type { ElementType, Tensor } from 'onlite';

import type { Tolerance } from './traffic';

/** What a model has put out, apart from the memory that it was written to. */
export interface Output {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number | bigint | string>;
}

export const outputOf = (name: string, { type, dims, data }: Tensor): Output => ({
  name,
  type,
  dims,
  data,
});

/**
 * What is not alike in an output and the expected one, undefined if nothing is. NaN is like NaN, strings,
 * booleans and types without numbers of their own have to be equal.
 */
export function difference(
  got: Output,
  expected: Output,
  tolerance: Tolerance = {},
): string | undefined {
  const { name, type, dims } = expected;
  if (got.type !== type) return `${name}: expected ${type}, got ${got.type}`;
  if (got.dims.join() !== dims.join()) {
    return `${name}.shape: expected [${dims.join(',')}], got [${got.dims.join(',')}]`;
  }
  const alike = comparison(type, tolerance);
  for (let index = 0; index < expected.data.length; index++) {
    const value = got.data[index];
    const wanted = expected.data[index];
    if (value === undefined || wanted === undefined || alike(value, wanted)) continue;
    const read = readers[type] ?? String;
    return `${name}[${index}]: expected ${read(wanted)}, got ${read(value)}`;
  }
  return undefined;
}

type Value = number | bigint | string;

/** What of a type is not the number that it stands for. */
const readers: Readonly<Partial<Record<ElementType, (value: Value) => number>>> = {
  float16: (value) => float16ToNumber(Number(value)),
  bfloat16: (value) => bfloat16ToNumber(Number(value)),
};

function comparison(
  type: ElementType,
  { absolute = 0, relative = 0 }: Tolerance,
): (got: Value, expected: Value) => boolean {
  if (!/^(b?float(16|32|64)|u?int(8|16|32|64))$/.test(type))
    return (got, expected) => got === expected;
  const read = readers[type] ?? Number;
  return (got, expected) => {
    if (got === expected) return true;
    // Integers of 64 bits are compared exactly where nothing is tolerated.
    if (absolute === 0 && relative === 0 && typeof got === 'bigint') return false;
    const [a, b] = [read(got), read(expected)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
    return a === b || Math.abs(a - b) <= absolute + relative * Math.abs(b);
  };
}

const bits = new DataView(new ArrayBuffer(4));

function bfloat16ToNumber(value: number): number {
  bits.setUint32(0, value * 0x10000);
  return bits.getFloat32(0);
}

/** Where the engine has a Float16Array, tensors give numbers already. */
const givesNumbers = 'Float16Array' in globalThis;

function float16ToNumber(value: number): number {
  if (givesNumbers) return value;
  const sign = value & 0x8000 ? -1 : 1;
  const exponent = (value >> 10) & 0x1f;
  const fraction = value & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
