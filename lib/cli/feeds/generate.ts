import { randomNumbers } from '../../bench/random';
import { elementType, type ElementType, type NumericData } from '../../engine/tensor/element-type';
import { numberToFloat16 } from '../../engine/tensor/float16';
import { OnliteError } from '../../errors';
import { Tensor } from '../../engine/tensor/tensor';

/** More than this is a typing mistake in `--shape`, not an input. */
const MAX_BYTES = 2 ** 32;

/** FNV-1a: two inputs of one model must not get the same numbers. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

function elements(type: ElementType, dims: readonly number[]): number {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const bits = elementType(type)?.bits ?? 0;
  if ((count * Math.max(bits, 64)) / 8 > MAX_BYTES) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${type}[${dims.join(',')}] is too large`);
  }
  return count;
}

function allocate(type: ElementType, count: number): NumericData {
  const info = elementType(type);
  if (!info?.array) throw new OnliteError('ERR_UNSUPPORTED', `cannot generate ${type}`);
  const bytes = Math.ceil((count * info.bits) / 8);
  return new info.array(bytes / info.array.BYTES_PER_ELEMENT);
}

function tensor(type: ElementType, data: NumericData | string[], dims: readonly number[]): Tensor {
  return new Tensor(type, data, dims) as Tensor;
}

/** Zeros; empty strings. */
export function zeros(type: ElementType, dims: readonly number[]): Tensor {
  const count = elements(type, dims);
  if (type === 'string') return tensor(type, new Array<string>(count).fill(''), dims);
  return tensor(type, allocate(type, count), dims);
}

function fill(type: ElementType, data: NumericData, next: () => number): void {
  const whole = (below: number): number => Math.floor(next() * below);
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < data.length; i++) data[i] = next();
  } else if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < data.length; i++) data[i] = BigInt(whole(2));
  } else if (type === 'float16') {
    const bits = new Uint16Array(data.buffer, data.byteOffset, data.length);
    for (let i = 0; i < bits.length; i++) bits[i] = numberToFloat16(whole(2048) / 2048);
  } else if (type === 'bfloat16') {
    const scratch = new DataView(new ArrayBuffer(4));
    for (let i = 0; i < data.length; i++) {
      scratch.setFloat32(0, whole(256) / 256);
      data[i] = scratch.getUint16(0);
    }
  } else if (type === 'complex64') {
    fill('float32', new Float32Array(data.buffer as ArrayBuffer), next);
  } else if (type === 'complex128') {
    fill('float64', new Float64Array(data.buffer as ArrayBuffer), next);
  } else {
    const fullRange = type === 'int8' || type === 'uint8' || /^u?int[24]$|^float4/.test(type);
    // 8-bit floats: below the exponents that mean infinity or NaN.
    const below = fullRange ? 256 : type.startsWith('float8') ? 0x40 : 2;
    const offset = type === 'int8' ? 128 : 0;
    for (let i = 0; i < data.length; i++) data[i] = whole(below) - offset;
  }
}

/**
 * Random elements, the same for the same seed, name, type and shape: floats in [0, 1), int8, uint8
 * and packed types over their full range (they are mostly quantized data), wider integers and bools
 * 0 or 1 (they are mostly indices, lengths and masks), strings of four letters.
 */
export function random(
  name: string,
  type: ElementType,
  dims: readonly number[],
  seed: number,
): Tensor {
  const count = elements(type, dims);
  const next = randomNumbers(hash(name) ^ Math.imul(seed, 0x9e3779b1));
  if (type === 'string') {
    const letter = (): string => String.fromCharCode(97 + Math.floor(next() * 26));
    const words = Array.from({ length: count }, () => letter() + letter() + letter() + letter());
    return tensor(type, words, dims);
  }
  const data = allocate(type, count);
  fill(type, data, next);
  return tensor(type, data, dims);
}
