import type { ElementType, Tensor, TensorValueMetadata } from 'onlite';

import { badRequest } from '../../errors';
import type { NumberArray } from '../../json/numbers';
import { NumberList, type ListKind } from '../../protobuf/numbers';
import { type ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';
import { setNumbers } from '../../protobuf/set-numbers';
import type { ProtobufWriter } from '../../protobuf/writer';
import { elementBytes } from '../../tensors/element-bytes';
import { bytesOf, checkBooleans, setStrings } from '../../tensors/memory';
import { decodeText } from '../../tensors/text';
import { dtypeName, dtypeOf } from './dtypes';

/** TensorProto, as it came in. */
export interface TensorMessage {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly unknownRank: boolean;
  readonly content: Buffer;
  /** Values that came one by one, by the number of their field. */
  readonly lists: ReadonlyMap<number, NumberList>;
  readonly strings: readonly Buffer[];
}

/** Kinds of the fields of values by their numbers. */
const listKinds: ReadonlyMap<number, ListKind> = new Map([
  [5, 'float'],
  [6, 'double'],
  [7, 'int32'],
  [10, 'int64'],
  [11, 'bool'],
  [13, 'int32'],
  [16, 'uint32'],
  [17, 'uint64'],
]);

const tensorFields = fieldsOf({
  1: Wire.varint,
  2: Wire.bytes,
  4: Wire.bytes,
  5: Wire.fixed32s,
  6: Wire.fixed64s,
  7: Wire.varints,
  8: Wire.bytes,
  10: Wire.varints,
  11: Wire.varints,
  13: Wire.varints,
  16: Wire.varints,
  17: Wire.varints,
});

/** @throws ProtobufError */
export function readTensor(reader: ProtobufReader): TensorMessage {
  let dtype = 0;
  let shape: number[] = [];
  let unknownRank = false;
  let content: Buffer = Buffer.alloc(0);
  const lists = new Map<number, NumberList>();
  const strings: Buffer[] = [];
  while (reader.next(tensorFields)) {
    switch (reader.field) {
      case 1:
        dtype = reader.int32();
        break;
      case 2:
        ({ shape, unknownRank } = readShape(reader.message()));
        break;
      case 4:
        content = reader.bytes();
        break;
      case 8:
        strings.push(reader.bytes());
        break;
      default: {
        const { field } = reader;
        const list = lists.get(field) ?? new NumberList(listKinds.get(field) ?? 'int32');
        lists.set(field, list);
        list.read(reader);
      }
    }
  }
  return { dtype, shape, unknownRank, content, lists, strings };
}

const shapeFields = fieldsOf({ 2: Wire.bytes, 3: Wire.varint });
const dimFields = fieldsOf({ 1: Wire.varint });

function readShape(reader: ProtobufReader): { shape: number[]; unknownRank: boolean } {
  const shape: number[] = [];
  let unknownRank = false;
  while (reader.next(shapeFields)) {
    if (reader.field === 3) {
      unknownRank = reader.bool();
      continue;
    }
    const dim = reader.message();
    let size = 0;
    while (dim.next(dimFields)) size = dim.int64();
    shape.push(size);
  }
  return { shape, unknownRank };
}

/**
 * Compares what a message says of itself with what it has and with the model's input, before anything is
 * allocated for it.
 *
 * @param maxBytes - what one value that fills a whole shape may make of itself
 * @throws RequestError 400, naming the path of what is wrong
 */
export function checkTensor(
  tensor: TensorMessage,
  input: TensorValueMetadata,
  path: string,
  maxBytes: number,
): void {
  const { shape, content, unknownRank } = tensor;
  const dtype = dtypeOf(input.type);
  if (dtype === undefined) {
    throw badRequest(path, `the model has ${input.type}, which the protocol has no name for`);
  }
  if (tensor.dtype !== dtype.code) {
    const got = dtypeName(tensor.dtype);
    throw badRequest(`${path}.dtype`, `expected ${dtype.code} (${input.type}), got ${got}`);
  }
  const where = `${path}.tensor_shape`;
  if (unknownRank) throw badRequest(where, 'expected a known rank');
  if (shape.length > 64) throw badRequest(where, 'expected 64 dimensions at most');
  const wrong = shape.find((dim) => dim < 0 || !Number.isSafeInteger(dim));
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (wrong !== undefined || !Number.isSafeInteger(count)) {
    throw badRequest(where, `expected sizes of at least 0, got [${shape.join(',')}]`);
  }
  // A string takes a pointer at least.
  const bytes = count * (elementBytes(input.type) ?? 8);
  if (content.length > 0 && dtype.kind !== undefined) {
    if (content.length === bytes) return;
    throw badRequest(
      `${path}.tensor_content`,
      `expected ${bytes} bytes for the shape [${shape.join(',')}], got ${content.length}`,
    );
  }
  const got =
    dtype.kind === undefined ? tensor.strings.length : (tensor.lists.get(dtype.field)?.length ?? 0);
  if (got !== count && got !== 1) {
    throw badRequest(
      `${path}.${dtype.name}`,
      `expected ${count} values for the shape [${shape.join(',')}], or one for all, got ${got}`,
    );
  }
  if (got === count || bytes <= maxBytes) return;
  throw badRequest(where, `one value for ${bytes} bytes is more than the limit of ${maxBytes}`);
}

/** Puts the values of a message that was checked into a tensor's memory. */
export function writeTensor(message: TensorMessage, tensor: Tensor, path: string): void {
  const { content, lists, strings } = message;
  const { type } = tensor;
  if (type === 'string') {
    const where = `${path}.string_val`;
    const texts = strings.map((bytes, index) => decodeText(bytes, `${where}[${index}]`));
    const [only = ''] = texts;
    setStrings(tensor, texts.length === tensor.size ? texts : Array(tensor.size).fill(only));
    return;
  }
  if (content.length > 0) {
    if (type === 'bool') checkBooleans(content, `${path}.tensor_content`);
    bytesOf(tensor).set(content);
    return;
  }
  const dtype = dtypeOf(type);
  const list = dtype && lists.get(dtype.field)?.numbers;
  if (dtype === undefined || list === undefined) return;
  const where = `${path}.${dtype.name}`;
  const data = isHalf(type) ? bitsOf(tensor) : (tensor.data as unknown as NumberArray);
  if (list.length === data.length) {
    setNumbers(data, list, where);
    return;
  }
  // One value for all; none for an empty tensor.
  setNumbers(data.subarray(0, 1), data.length === 0 ? list.subarray(0, 0) : list, where);
  data.fill(data[0] as never);
}

/** What protobuf has no type for: these come as the integers that their bits are. */
const isHalf = (type: ElementType): boolean => type === 'float16' || type === 'bfloat16';

function bitsOf(tensor: Tensor): Uint16Array {
  const { buffer, byteOffset, byteLength } = bytesOf(tensor);
  return new Uint16Array(buffer, byteOffset, byteLength / 2);
}

/**
 * Writes a tensor in the form that TensorFlow Serving answers in: values one by one, which typed clients
 * look for and `make_ndarray` reads like the other.
 *
 * @throws RequestError 400 for a type that the protocol has no name for
 */
export function writeTensorProto(writer: ProtobufWriter, tensor: Tensor, name: string): void {
  const { type, dims } = tensor;
  const dtype = dtypeOf(type);
  if (dtype === undefined) {
    throw badRequest('', `output '${name}' is ${type}, which the protocol has no name for`);
  }
  const { code, field } = dtype;
  writer.integer(1, code).message(2, (shape) => writeShape(shape, dims));
  if (type === 'string') {
    for (const text of tensor.data as unknown as string[]) writer.text(field, text);
  } else if (type === 'float32' || type === 'float64') {
    // Packed floats are what the memory holds.
    if (tensor.size > 0) writer.bytes(field, bytesOf(tensor));
  } else if (isHalf(type)) {
    writer.integers(field, bitsOf(tensor));
  } else {
    writer.integers(field, tensor.data as unknown as NumberArray);
  }
}

/** TensorShapeProto. */
export function writeShape(writer: ProtobufWriter, dims: readonly number[]): void {
  for (const dim of dims) writer.message(2, (of) => of.integer(1, dim));
}
