/** The array that each of the protocol's types is given and taken in. FP16 and BF16 are raw 16-bit patterns. */
export interface WireData {
  BOOL: Uint8Array;
  UINT8: Uint8Array;
  UINT16: Uint16Array;
  UINT32: Uint32Array;
  UINT64: BigUint64Array;
  INT8: Int8Array;
  INT16: Int16Array;
  INT32: Int32Array;
  INT64: BigInt64Array;
  FP16: Uint16Array;
  BF16: Uint16Array;
  FP32: Float32Array;
  FP64: Float64Array;
  BYTES: string[];
}

export type WireType = keyof WireData;

/** A tensor as the protocol has it: row-major. */
export interface ClientTensor<Type extends WireType = WireType> {
  readonly datatype: Type;
  readonly shape: readonly number[];
  readonly data: WireData[Type];
}

/** What a model says of an input or output; -1 is a dimension that the request decides. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: WireType;
  readonly shape: readonly number[];
}

type Numbers = Exclude<WireData[WireType], string[]>;

const arrays = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const satisfies Record<Exclude<WireType, 'BYTES'>, new (buffer: ArrayBuffer) => Numbers>;

/** A tensor's bytes: little-endian, strings with their length before them. */
export function toBytes({ data }: ClientTensor): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const texts = data.map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.length, 0));
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const text of texts) {
    view.setUint32(position, text.length, true);
    bytes.set(text, position + 4);
    position += 4 + text.length;
  }
  return bytes;
}

/** @param bytes - a copy of its own is made of them: they may lie at any address */
export function fromBytes(datatype: WireType, bytes: Uint8Array): WireData[WireType] {
  if (datatype !== 'BYTES') return new arrays[datatype](bytes.slice().buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const texts: string[] = [];
  for (let position = 0; position < bytes.length;) {
    const start = position + 4;
    position = start + view.getUint32(position, true);
    texts.push(decoder.decode(bytes.subarray(start, position)));
  }
  return texts;
}
