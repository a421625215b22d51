// Tensors and results as plain bytes: made, copied and compared here and nowhere else.

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

/** The class of a tensor's data; types that are not listed travel as bytes. */
export function arrayOf(type) {
  return Object.hasOwn(arrays, type) ? arrays[type] : Uint8Array;
}

export const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

const decoders = {
  float32: (bytes) => new Float32Array(bytes.slice().buffer),
  float64: (bytes) => new Float64Array(bytes.slice().buffer),
  float16: (bytes) => Float64Array.from(new Uint16Array(bytes.slice().buffer), float16ToNumber),
  bfloat16: (bytes) =>
    new Float32Array(
      Uint32Array.from(new Uint16Array(bytes.slice().buffer), (x) => x << 16).buffer,
    ),
};

function float16ToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A copy of a run's value that nothing can change any more: of a tensor its type, dims and bytes. */
export function freeze(value) {
  if (Array.isArray(value)) return { list: value.map(freeze) };
  if (value instanceof Map) return { map: [...value] };
  if (value === null) return { none: true };
  const { type, dims, data } = value;
  if (Array.isArray(data)) return { type, dims: [...dims], strings: [...data] };
  const bytes = bytesOf(data).slice();
  const isHalf = packed.has(type) && dims.reduce((size, dim) => size * dim, 1) % 2 === 1;
  if (isHalf) bytes[bytes.length - 1] &= 0x0f;
  return { type, dims: [...dims], bytes };
}

/** Two elements a byte: what is beyond an odd number of them is nobody's. */
export const packed = new Set(['int4', 'uint4']);

/** Every output of a run by name. */
export function freezeAll(outputs) {
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, freeze(value)]));
}

/**
 * What is wrong with a frozen value; undefined if nothing is.
 *
 * @param close - `{rtol, atol}` for floats that need not be the same to the bit
 */
export function difference(path, got, wanted, close) {
  if (got === undefined) return `${path}: is missing`;
  if (wanted.list !== undefined) {
    if (got.list?.length !== wanted.list.length) return `${path}: not ${wanted.list.length} values`;
    for (const [index, item] of wanted.list.entries()) {
      const problem = difference(`${path}[${index}]`, got.list[index], item, close);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (wanted.map !== undefined || wanted.none !== undefined) {
    const [a, b] = [got, wanted].map(({ map, none }) => String(none ?? map));
    return a === b ? undefined : `${path}: got ${a}, expected ${b}`;
  }
  if (got.type !== wanted.type) return `${path}.type: got ${got.type}, expected ${wanted.type}`;
  if (got.dims.join() !== wanted.dims.join()) {
    return `${path}.dims: got [${got.dims.join()}], expected [${wanted.dims.join()}]`;
  }
  if (wanted.strings !== undefined) {
    const [a, b] = [got, wanted].map(({ strings }) => JSON.stringify(strings));
    return a === b ? undefined : `${path}: got ${a}, expected ${b}`;
  }
  return bytesDifference(path, got, wanted, close);
}

function bytesDifference(path, got, wanted, close) {
  if (Buffer.compare(got.bytes, wanted.bytes) === 0) return undefined;
  if (got.bytes.length !== wanted.bytes.length) {
    return `${path}: got ${got.bytes.length} bytes, expected ${wanted.bytes.length}`;
  }
  const decode = decoders[wanted.type];
  const [a, b] = [got, wanted].map(({ type, bytes }) =>
    decode === undefined ? new (arrayOf(type))(bytes.slice().buffer) : decode(bytes),
  );
  for (let index = 0; index < b.length; index++) {
    if (Object.is(a[index], b[index])) continue;
    const limit = close === undefined ? 0 : close.atol + close.rtol * Math.abs(Number(b[index]));
    if (decode !== undefined && Math.abs(a[index] - b[index]) <= limit && limit > 0) continue;
    return `${path}[${index}]: got ${a[index]}, expected ${b[index]} (of ${b.length})`;
  }
  return undefined;
}

/** Random elements of a type, finite where the type has a notion of it. */
export function randomBytes(type, byteLength, random) {
  const array = new (arrayOf(type))(byteLength / arrayOf(type).BYTES_PER_ELEMENT);
  const element = generators[type] ?? (() => random.below(256));
  for (let index = 0; index < array.length; index++) array[index] = element(random);
  return bytesOf(array);
}

const real = (random) => (random.below(2 ** 16) - 2 ** 15) / 2 ** 13;

const generators = {
  float32: real,
  float64: real,
  // Magnitudes from 2^-5 to 2^2.
  float16: (random) =>
    (random.below(2) << 15) | ((10 + random.below(8)) << 10) | random.below(1024),
  bfloat16: (random) =>
    (random.below(2) << 15) | ((122 + random.below(8)) << 7) | random.below(128),
  bool: (random) => random.below(2),
  int8: (random) => random.below(256) - 128,
  int16: (random) => random.below(65536) - 32768,
  uint16: (random) => random.below(65536),
  int32: (random) => random.below(2 ** 31) - 2 ** 30,
  uint32: (random) => random.below(2 ** 32),
  int64: (random) => BigInt(random.below(2 ** 32)) * 3n - 2n ** 32n,
  uint64: (random) => BigInt(random.below(2 ** 32)) * 2n ** 31n,
};

const words = [
  '',
  'a',
  'naïve',
  '日本語',
  '😀',
  'x'.repeat(300),
  'tab\there',
  'é'.normalize('NFD'),
];

export const randomStrings = (count, random) =>
  Array.from({ length: count }, () => random.pick(words));
