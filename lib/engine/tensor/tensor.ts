import type { Tensor as CommonTensor, TypedTensor } from 'onnxruntime-common';

import { common } from '../onnxruntime-common';
import {
  dataLength,
  elementCount,
  elementType,
  maxRank,
  type CommonElementType,
  type ElementType,
  type ElementTypeInfo,
  type NumericData,
  type TensorDataMap,
} from './element-type';
import { OnliteError, describe, invalidArgument } from '../../errors';
import { newArray } from './memory';
import { isError } from '../../realms';
import { isDetachedBuffer, lengthOf, typedArrayName } from './typed-array';
import type { Block } from './pool/block';

/** What {@link Tensor}'s constructor takes as data for an element type. */
export type TensorInit<T extends ElementType> = T extends 'string'
  ? readonly string[]
  : | TensorDataMap[T]
    | (T extends 'bool' ? readonly boolean[] : never)
    | (T extends 'uint8' ? Uint8ClampedArray : never)
    | (T extends 'int64' | 'uint64' ? readonly bigint[] | readonly number[] : readonly number[]);

/** Marks the constructor call of code that has checked its arguments. */
const trusted: unique symbol = Symbol('trusted');

// Ways to a tensor's private fields for the package's own files. Not methods:
// native code relies on what they say, so a program must not be able to call them.
/** Whether a value was made by {@link Tensor}'s constructor, whatever its prototype is now. */
export let isTensor: (value: unknown) => value is Tensor;
/** A tensor's data, undefined once it is disposed; `tensor.data` can be redefined. */
export let dataOf: (tensor: Tensor<ElementType>) => TensorDataMap[ElementType] | undefined;
/** The pool's block that a tensor has until it is disposed. */
export let blockOf: (tensor: Tensor<ElementType>) => Block | undefined;
/** A tensor over a block's view, which the caller has taken out of the block. */
export let pooledTensor: (
  type: ElementTypeInfo,
  data: NumericData,
  dims: readonly number[],
  size: number,
  block: Block | undefined,
) => Tensor;

/**
 * A dense row-major tensor in ordinary memory or a {@link TensorPool}'s; the
 * constructors, properties and methods of onnxruntime-common's Tensor, of which it
 * is an `instanceof`. Tensors of that class are instances of this one, too: they are
 * taken wherever a tensor is.
 *
 * The tensor uses `data` itself, without a copy, except plain arrays, which are
 * converted.
 *
 * @typeParam T - the element type; left out, one of those that onnxruntime-common has.
 *   Models with others give `Tensor<ElementType>`.
 */
export class Tensor<T extends ElementType = CommonElementType> {
  // In the order of onnxruntime-common's: what is cloned or written as JSON is the same.
  /** The data for `structuredClone` and JSON. Nothing of onlite's reads it. @internal */
  cpuData: TensorDataMap[T] | undefined;
  /** See {@link Tensor.location}. @internal */
  dataLocation: 'cpu' | 'none';
  readonly type: T;
  readonly dims: readonly number[];
  /** The number of elements, which for packed types is not `data.length`. */
  readonly size: number;
  #data: TensorDataMap[T] | undefined;
  #block: Block | undefined;

  static {
    isTensor = (value): value is Tensor =>
      typeof value === 'object' && value !== null && #data in value;
    dataOf = (tensor) => tensor.#data;
    blockOf = (tensor) => tensor.#block;
    pooledTensor = (type, data, dims, size, block) =>
      new (Tensor as unknown as new (...args: unknown[]) => Tensor)(
        trusted,
        type,
        data,
        dims,
        size,
        block,
      );
  }

  /**
   * @param type - the element type
   * @param data - the elements, see {@link TensorDataMap} for the class; a plain
   *   array is converted where its numbers are the elements
   * @param dims - the shape; one dimension of all elements when left out
   * @throws OnliteError ERR_INVALID_ARGUMENT for an unknown type or bad dims,
   *   ERR_TYPE_MISMATCH for data of another class, ERR_SHAPE_MISMATCH when the
   *   data's length is not what the dims say, ERR_OUT_OF_MEMORY when a plain array
   *   cannot be converted for want of memory.
   */
  constructor(type: T, data: TensorInit<T>, dims?: readonly number[]);
  /** The element type follows from the class of `data`. */
  constructor(data: TensorInit<T>, dims?: readonly number[]);
  constructor(
    first: unknown,
    second?: unknown,
    third?: unknown,
    fourth?: unknown,
    fifth?: unknown,
    sixth?: unknown,
  ) {
    if (first === trusted) {
      this.type = (second as ElementTypeInfo).name as T;
      this.dims = fourth as readonly number[];
      this.size = fifth as number;
      this.#data = this.cpuData = third as TensorDataMap[T];
      this.dataLocation = 'cpu';
      this.#block = sixth as Block | undefined;
      return;
    }
    const isTyped = typeof first === 'string';
    const type = isTyped ? requireType(first) : inferType(first);
    const data = convertData(type, isTyped ? second : first);
    const dims = (isTyped ? third : second) ?? [data.length];
    if (!Array.isArray(dims) || dims.length > maxRank) {
      throw invalidArgument('dims', `an array of at most ${maxRank} numbers`, dims);
    }
    const size = elementCount(dims, 'dims');
    const expected = dataLength(type, size);
    if (data.length !== expected) {
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `data: expected ${expected} elements for dims [${dims.join(',')}], got ${data.length}`,
      );
    }
    this.type = type.name as T;
    this.dims = dims as number[];
    this.size = size;
    this.#data = this.cpuData = data as TensorDataMap[T];
    this.dataLocation = 'cpu';
  }

  /** A tensor over data whose class and length are known to be right. @internal */
  static fromTrusted(
    type: ElementTypeInfo,
    data: NumericData | string[],
    dims: readonly number[],
  ): Tensor {
    let size = 1;
    for (const dim of dims) size *= dim;
    return new (Tensor as unknown as new (...args: unknown[]) => Tensor)(
      trusted,
      type,
      data,
      dims,
      size,
    );
  }

  /**
   * The elements. The same array every time; not a copy.
   *
   * @throws OnliteError ERR_TENSOR_DISPOSED after {@link Tensor.dispose}.
   */
  get data(): TensorDataMap[T] {
    if (this.#data === undefined) {
      throw new OnliteError('ERR_TENSOR_DISPOSED', 'the tensor was disposed');
    }
    return this.#data;
  }

  /** Where the data is: `'cpu'`, or `'none'` after {@link Tensor.dispose}. */
  get location(): 'cpu' | 'none' {
    return this.#data === undefined ? 'none' : 'cpu';
  }

  /** @throws OnliteError ERR_UNSUPPORTED: the data is no WebGL texture. */
  get texture(): never {
    throw notOn('a WebGL texture');
  }

  /** @throws OnliteError ERR_UNSUPPORTED: the data is no WebGPU buffer. */
  get gpuBuffer(): never {
    throw notOn('a WebGPU buffer');
  }

  /** @throws OnliteError ERR_UNSUPPORTED: the data is no WebNN MLTensor. */
  get mlTensor(): never {
    throw notOn('a WebNN MLTensor');
  }

  /** The data, for code that also handles tensors on other devices. */
  getData(_releaseData?: boolean): Promise<TensorDataMap[T]> {
    return new Promise((resolve) => {
      resolve(this.data);
    });
  }

  /**
   * Gives the data up; `data` throws from then on. May be called twice.
   *
   * A pool's memory goes back to it, and then to other tensors: a view that was
   * kept shows, and changes, their data. While an asynchronous run uses the
   * tensor its memory goes back when the run has ended.
   */
  dispose(): void {
    const data = this.#data;
    if (data === undefined) return;
    this.#data = undefined;
    const block = this.#block;
    if (block !== undefined) {
      this.#block = undefined;
      block.giveBack(data as NumericData);
    }
    // Of a frozen tensor they cannot be written.
    if (Object.isFrozen(this)) return;
    this.cpuData = undefined;
    this.dataLocation = 'none';
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The data in an ArrayBuffer of its own, of exactly its size, to be transferred
   * with `postMessage`. A pool's memory cannot be transferred, and to clone a
   * view of it copies all tensors that share the buffer.
   *
   * @throws OnliteError ERR_TENSOR_DISPOSED, ERR_UNSUPPORTED for strings,
   *   ERR_BUFFER_DETACHED, or ERR_OUT_OF_MEMORY.
   */
  toTransferable(): ArrayBuffer {
    const data = this.data;
    if (Array.isArray(data)) {
      throw new OnliteError('ERR_UNSUPPORTED', 'a tensor of strings has no bytes to transfer');
    }
    const { array = Uint8Array } = requireType(this.type);
    requireWhole(this, 'data');
    // Of the data's class: there may be more bytes than an array of bytes can have.
    const copy = newArray(array, data.byteLength, 'a copy');
    copy.set(data as never);
    return copy.buffer as ArrayBuffer;
  }

  /**
   * A tensor over the same data with another shape of the same size. It does not
   * keep a pool's memory: that goes back when the tensor it was made of is disposed.
   */
  reshape(dims: readonly number[]): Tensor<T> {
    return new Tensor<T>(this.type, this.data as TensorInit<T>, dims);
  }

  /**
   * As onnxruntime-common's; needs a browser's canvas.
   *
   * @throws OnliteError ERR_UNSUPPORTED without one, ERR_INVALID_ARGUMENT for a tensor that
   *   is no image.
   */
  toDataURL(options?: unknown): string {
    return imaging(() => toCommon(this).toDataURL(options as never));
  }

  /** As onnxruntime-common's, see {@link Tensor.toDataURL}. */
  toImageData(options?: unknown): ReturnType<CommonTensor['toImageData']> {
    return imaging(() => toCommon(this).toImageData(options as never) as never);
  }

  /**
   * As onnxruntime-common's; `ImageData`-like objects work without a browser.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for what is no image, ERR_UNSUPPORTED for one that
   *   needs a canvas.
   */
  static async fromImage(
    image: unknown,
    options?: unknown,
  ): Promise<Tensor<'float32'> | Tensor<'uint8'>> {
    let made: TypedTensor<'float32'> | TypedTensor<'uint8'>;
    try {
      made = await common().Tensor.fromImage(image as never, options as never);
    } catch (cause) {
      throw imageError(cause);
    }
    return new Tensor(made.type, made.data as never, made.dims) as Tensor<'float32'>;
  }

  /** Whether a value is a tensor of this class or of onnxruntime-common's, whichever copy of it. */
  static [Symbol.hasInstance](value: unknown): boolean {
    const isOwn = Function.prototype[Symbol.hasInstance].call(this, value);
    return isOwn || (this === Tensor && isCommonTensor(value));
  }

  /** As onnxruntime-common's: a tensor over memory the caller keeps. */
  static fromPinnedBuffer<T extends ElementType>(
    type: T,
    buffer: TensorInit<T>,
    dims?: readonly number[],
  ): Tensor<T> {
    return new Tensor<T>(type, buffer, dims);
  }

  /** @throws OnliteError ERR_UNSUPPORTED: there is no WebGL in Node. */
  static fromTexture(): never {
    throw noDevice('a WebGL texture');
  }

  /** @throws OnliteError ERR_UNSUPPORTED: there is no WebGPU device in Node. */
  static fromGpuBuffer(): never {
    throw noDevice('a WebGPU buffer');
  }

  /** @throws OnliteError ERR_UNSUPPORTED: there is no WebNN context in Node. */
  static fromMLTensor(): never {
    throw noDevice('a WebNN MLTensor');
  }
}

// The type names of onnxruntime-common's Tensor namespace.
// eslint-disable-next-line @typescript-eslint/no-namespace
export declare namespace Tensor {
  type Type = CommonElementType;
  type DataTypeMap = Pick<TensorDataMap, CommonElementType>;
  type DataType = DataTypeMap[CommonElementType];
  type ElementTypeMap = CommonTensor.ElementTypeMap;
  type ElementType = ElementTypeMap[CommonElementType];
  type DataLocation = CommonTensor.DataLocation;
  type CpuPinnedDataTypes = CommonTensor.CpuPinnedDataTypes;
  type TextureType = CommonTensor.TextureType;
  type TextureDataTypes = CommonTensor.TextureDataTypes;
  type GpuBufferType = CommonTensor.GpuBufferType;
  type GpuBufferTypeFallback = CommonTensor.GpuBufferTypeFallback;
  type GpuBufferDataTypes = CommonTensor.GpuBufferDataTypes;
  type MLTensorType = CommonTensor.MLTensorType;
  type MLTensorTypeFallback = CommonTensor.MLTensorTypeFallback;
  type MLTensorDataTypes = CommonTensor.MLTensorDataTypes;
}

// A tensor is onnxruntime-common's too, without that package being loaded before somebody asks.
Object.setPrototypeOf(
  Tensor.prototype,
  new Proxy({}, { getPrototypeOf: () => common().Tensor.prototype as object }),
);

function isCommonTensor(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'dataLocation' in value && 'ensureValid' in value
  );
}

/** @throws OnliteError ERR_BUFFER_DETACHED if a tensor's memory, not of strings, has gone or shrunk. */
export function requireWhole(tensor: Tensor<ElementType>, path: string): void {
  const data = tensor.data as NumericData;
  if (lengthOf(data) === dataLength(requireType(tensor.type), tensor.size)) return;
  throw new OnliteError('ERR_BUFFER_DETACHED', `${path}: the buffer was detached or resized`);
}

function noDevice(what: string): OnliteError {
  return new OnliteError('ERR_UNSUPPORTED', `a tensor cannot be made from ${what}: Node has none`);
}

function notOn(device: string): OnliteError {
  return new OnliteError('ERR_UNSUPPORTED', `the tensor's data is not stored as ${device}`);
}

function toCommon(tensor: Tensor<ElementType>): CommonTensor {
  return new (common().Tensor)(tensor.type as never, tensor.data as never, tensor.dims);
}

function imaging<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    throw imageError(cause);
  }
}

/** What onnxruntime-common says of an image, or of the canvas that there is not. */
function imageError(cause: unknown): OnliteError {
  if (cause instanceof OnliteError) return cause;
  const { name, message } = isError(cause) ? cause : { name: '', message: String(cause) };
  const isMissing = name === 'ReferenceError' || /canvas/i.test(message);
  const code = isMissing ? 'ERR_UNSUPPORTED' : 'ERR_INVALID_ARGUMENT';
  return new OnliteError(code, `image: ${message}`, { cause });
}

function requireType(name: unknown): ElementTypeInfo {
  const type = elementType(name);
  if (type === undefined) throw invalidArgument('type', 'an element type', name);
  return type;
}

function inferType(data: unknown): ElementTypeInfo {
  if (Array.isArray(data)) {
    const first: unknown = data[0];
    if (typeof first === 'string') return requireType('string');
    if (typeof first === 'boolean') return requireType('bool');
    throw invalidArgument('data', 'a typed array, or an array of strings or booleans', data);
  }
  const name = typedArrayName(data) ?? '';
  const type = name === 'Uint8ClampedArray' ? 'uint8' : typeOfArray.get(name);
  if (type === undefined) throw invalidArgument('data', 'a typed array', data);
  return requireType(type);
}

const typeOfArray: ReadonlyMap<string, ElementType> = new Map<string, ElementType>([
  ['Float32Array', 'float32'],
  ['Float64Array', 'float64'],
  ['Float16Array', 'float16'],
  ['Int8Array', 'int8'],
  ['Uint8Array', 'uint8'],
  ['Int16Array', 'int16'],
  ['Uint16Array', 'uint16'],
  ['Int32Array', 'int32'],
  ['Uint32Array', 'uint32'],
  ['BigInt64Array', 'int64'],
  ['BigUint64Array', 'uint64'],
]);

/** Elements of a plain array that are converted; a sparse one may claim any number. */
const maxPlainLength = 2 ** 28;

function convertData(type: ElementTypeInfo, data: unknown): NumericData | string[] {
  if (type.array === undefined) {
    if (!Array.isArray(data)) throw typeMismatch(type, 'an array of strings', data);
    return data as string[];
  }
  if (Array.isArray(data)) return convertArray(type, type.array, data);
  const name = typedArrayName(data);
  if (name === type.array.name) return data as NumericData;
  if (type.name === 'float16' && name === 'Uint16Array') {
    return viewAs(type.array, data as Uint16Array);
  }
  if (type.name === 'uint8' && name === 'Uint8ClampedArray') {
    return viewAs(Uint8Array, data as Uint8ClampedArray);
  }
  throw typeMismatch(type, `a ${type.array.name}`, data);
}

/** The same memory by another class of elements of the same size. */
function viewAs(
  array: NonNullable<ElementTypeInfo['array']>,
  { buffer, byteOffset, length }: Uint16Array | Uint8ClampedArray,
): NumericData {
  if (isDetachedBuffer(buffer)) {
    throw new OnliteError('ERR_BUFFER_DETACHED', 'data: the buffer is detached');
  }
  return new array(buffer, byteOffset, length);
}

function convertArray(
  type: ElementTypeInfo,
  array: NonNullable<ElementTypeInfo['array']>,
  data: readonly unknown[],
): NumericData {
  if (!type.plain) throw typeMismatch(type, `a ${array.name}`, data);
  if (data.length > maxPlainLength) {
    const expected = `a ${array.name} for more than ${maxPlainLength} elements`;
    throw typeMismatch(type, expected, data);
  }
  const { length } = data;
  const isBig = array.name.startsWith('Big');
  const elements = newArray(array, length * array.BYTES_PER_ELEMENT, 'the data');
  try {
    for (let index = 0; index < length; index++) {
      elements[index] = (isBig ? BigInt(data[index] as number) : data[index]) as never;
    }
    return elements;
  } catch (cause) {
    const message = `data: cannot be converted to a ${array.name}`;
    throw new OnliteError('ERR_TYPE_MISMATCH', message, { cause });
  }
}

function typeMismatch(type: ElementTypeInfo, expected: string, got: unknown): OnliteError {
  return new OnliteError(
    'ERR_TYPE_MISMATCH',
    `data: expected ${expected} for ${type.name}, got ${describe(got)}`,
  );
}
