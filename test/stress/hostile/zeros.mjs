import { Tensor } from 'onlite';

/** More than this would only test the machine's memory. */
const maxElements = 1 << 22;

const bytesPerElement = { complex64: 8, complex128: 16 };
const packed = { int4: 2, uint4: 2, float4e2m1: 2, int2: 4, uint2: 4 };
const byteArrays = /^(float8|complex|u?int[24]$|float4)/;
const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: globalThis.Float16Array ?? Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

/** The tensor of zeros that an input's metadata describes; null if it is none or too large. */
export function zerosFor(input) {
  if (!input.isTensor || typeof input.type !== 'string') return null;
  // A batch of one, and 80 ms of sound for the model that takes any length.
  const dims = input.shape.map((dim, axis) => (typeof dim === 'number' ? dim : axis ? 1280 : 1));
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (!(size <= maxElements)) return null;
  if (input.type === 'string') return new Tensor('string', new Array(size).fill(''), dims);
  if (byteArrays.test(input.type)) {
    const bytes = Math.ceil(
      (size * (bytesPerElement[input.type] ?? 1)) / (packed[input.type] ?? 1),
    );
    return new Tensor(input.type, new Uint8Array(bytes), dims);
  }
  return new Tensor(input.type, new arrays[input.type](size), dims);
}

/** A feed for every input; null if one cannot be made. */
export function zeroFeeds(session) {
  const feeds = Object.create(null);
  for (const input of session.inputMetadata) {
    const tensor = zerosFor(input);
    if (tensor === null) return null;
    feeds[input.name] = tensor;
  }
  return feeds;
}
