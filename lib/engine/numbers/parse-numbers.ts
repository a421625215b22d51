import {
  checkArray,
  checkOptions,
  checkString,
  optionalBoolean,
  optionalChoice,
  optionalInteger,
  wordsOf,
} from '../../checks';
import { OnliteError, describe, invalidArgument } from '../../errors';
import { native, type NativeTensors } from '../addon/native';
import { parseFlag } from '../addon/native-numbers';
import { encodeTensor, nativeArray } from '../run/feeds';
import { hasDims, isArrayOf, isTensorLike } from '../run/fetches';
import { requireAccess } from '../run/leases';
import {
  elementCount,
  maxRank,
  type ElementTypeInfo,
  type NumericData,
  type TensorDataMap,
} from '../tensor/element-type';
import { newArray } from '../tensor/memory';
import { Tensor } from '../tensor/tensor';
import { byteLengthOf, typedArrayName } from '../tensor/typed-array';
import { requireNumberType, type NumberType } from './number-type';

/** What {@link parseNumbers} takes. Any other key is an error. */
export interface ParseNumbersOptions {
  /** Where the value begins, white space before it aside. 0 by default. */
  offset?: number;
  /** The bytes from here on are not read. The length by default. */
  end?: number;
  /**
   * More may follow the value, as within a larger document. By default anything but white space is
   * refused.
   */
  partial?: boolean;
  /**
   * The shape that the value must have, nested or flat. By default the shape is that of the nesting,
   * none for a single number.
   */
  dims?: readonly number[];
  /** What the messages' path begins with, `'data'` by default. */
  path?: string;
  /**
   * `'accept'` (the default) takes the bare words `NaN`, `Infinity` and `-Infinity` for the
   * float types, which Python, Triton and TensorFlow Serving write though JSON has none.
   */
  nonFinite?: 'accept' | 'refuse';
  /** What a finite number beyond a float type's range is: `'infinity'`, the default, or an error. */
  overflow?: 'infinity' | 'refuse';
  /** Integer types take `1.0` and `1e3`, too, if they are whole. False by default. */
  wholeNumbers?: boolean;
  /** `bool` takes 0 and 1, too. False by default. */
  boolNumbers?: boolean;
  /** Levels of arrays, 64 by default and up to 255. */
  maxDepth?: number;
  /** Elements in all. By default as many as the text has. */
  maxElements?: number;
  /** Bytes of text, from `offset` to the end of the value. By default there is no limit. */
  maxBytes?: number;
}

const keys: ReadonlySet<string> = new Set<keyof ParseNumbersOptions>([
  'offset',
  'end',
  'partial',
  'dims',
  'path',
  'nonFinite',
  'overflow',
  'wholeNumbers',
  'boolNumbers',
  'maxDepth',
  'maxElements',
  'maxBytes',
]);

/** What {@link parseNumbers} has read. */
export interface ParsedNumbers<T extends NumberType> {
  readonly tensor: Tensor<T>;
  /** Where the value ends: the index behind its last byte. */
  readonly end: number;
}

const defaultDepth = 64;
const nonFiniteWords = wordsOf('accept', 'refuse');
const overflowWords = wordsOf('infinity', 'refuse');

/**
 * Reads a JSON array of numbers, nested or flat, or a single number, straight from UTF-8 bytes into
 * a tensor. Decimals are rounded once, to the nearest value of the element type; 64-bit
 * integers are exact. It works on the calling thread, some milliseconds a megabyte.
 *
 * @param bytes - the text; a Buffer is one. Memory that threads share is copied first
 * @param out - where the elements go: an array of the type's class with room for them, or a tensor,
 *   a pool's perhaps, whose shape the value must have, nested or flat. What is in it after an
 *   error is unspecified
 * @returns the tensor, which is `out` or lies in it if that was given, and where the text of the value ends
 * @throws OnliteError with the path of the element, such as `data[3][1]: expected 4 elements, got
 *   5`: ERR_INVALID_ARGUMENT for what is no JSON, or beyond a limit; ERR_TYPE_MISMATCH for a
 *   value that is none of the type, such as `300` for uint8, `1.0` for int32 or `null`;
 *   ERR_SHAPE_MISMATCH for ragged arrays, other dims, and more elements than `out` has room for;
 *   ERR_BUFFER_DETACHED, ERR_BUSY if a run in flight uses `out`, ERR_OUT_OF_MEMORY, or
 *   ERR_UNSUPPORTED for a type whose elements are no numbers.
 */
export function parseNumbers<T extends NumberType>(
  bytes: Uint8Array,
  type: T,
  out?: TensorDataMap[T] | Tensor<T> | null,
  options?: ParseNumbersOptions,
): ParsedNumbers<T> {
  if (typedArrayName(bytes) !== 'Uint8Array') throw invalidArgument('bytes', 'a Uint8Array', bytes);
  const info = requireNumberType(type, 'type');
  const request = checkRequest(bytes, options);
  const { path } = request;
  const given = out === undefined || out === null ? undefined : checkOut(info, out, request.dims);
  const dims = given?.dims ?? request.dims;
  const count = dims === undefined ? undefined : elementCount(dims, 'options.dims');
  const array = given?.array ?? arrayFor(info, count, request);
  const [end, elements, ...parsed] = native().parseNumbers(
    bytes,
    request.offset,
    request.end,
    info.code,
    request.flags,
    request.maxDepth,
    request.maxElements,
    request.maxBytes,
    path,
    array === undefined ? undefined : nativeArray(array),
  );
  let size = 1;
  for (const dim of parsed) size *= dim;
  if (dims !== undefined && !hasDims(parsed, dims) && !(size === count && parsed.length <= 1)) {
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `${path}: expected dims [${dims.join()}], or ${count} elements without nesting, ` +
        `got dims [${parsed.join()}]`,
    );
  }
  if (given?.tensor !== undefined) return { tensor: given.tensor as Tensor<T>, end };
  const data =
    array === undefined ? newArrayOver(info, elements ?? new ArrayBuffer(0)) : shorten(array, size);
  return { tensor: Tensor.fromTrusted(info, data, dims ?? parsed) as Tensor<T>, end };
}

interface Request {
  offset: number;
  end: number;
  flags: number;
  dims: readonly number[] | undefined;
  path: string;
  maxDepth: number;
  maxElements: number;
  maxBytes: number;
}

function checkRequest(bytes: Uint8Array, given: unknown): Request {
  const length = byteLengthOf(bytes);
  const options = given === undefined ? undefined : checkOptions(given, 'options', keys);
  if (options === undefined) {
    return {
      offset: 0,
      end: length,
      flags: 0,
      dims: undefined,
      path: 'data',
      maxDepth: defaultDepth,
      maxElements: Infinity,
      maxBytes: Infinity,
    };
  }
  const offset = optionalInteger(options, 'offset', 'options', 0, length) ?? 0;
  const end = optionalInteger(options, 'end', 'options', offset, length) ?? length;
  const refuses = (key: string, words: ReadonlyMap<string, string>) =>
    optionalChoice(options, key, 'options', words) === 'refuse';
  let flags = 0;
  if (refuses('nonFinite', nonFiniteWords)) flags |= parseFlag.refuseNonFinite;
  if (refuses('overflow', overflowWords)) flags |= parseFlag.refuseOverflow;
  for (const key of ['wholeNumbers', 'boolNumbers', 'partial'] as const) {
    if (optionalBoolean(options, key, 'options') === true) flags |= parseFlag[key];
  }
  const limit = (key: string, most: number) => optionalInteger(options, key, 'options', 0, most);
  const { dims, path } = options;
  return {
    offset,
    end,
    flags,
    dims: dims === undefined ? undefined : checkDims(dims),
    path: path === undefined ? 'data' : checkString(path, 'options.path'),
    maxDepth: limit('maxDepth', maxRank) ?? defaultDepth,
    maxElements: limit('maxElements', Number.MAX_SAFE_INTEGER) ?? Infinity,
    maxBytes: limit('maxBytes', Number.MAX_SAFE_INTEGER) ?? Infinity,
  };
}

function checkDims(dims: unknown): readonly number[] {
  const copy = checkArray(dims, 'options.dims', maxRank) as number[];
  elementCount(copy, 'options.dims');
  return copy;
}

/** What is given for the elements: an array of any shape, or a tensor. */
interface Given {
  readonly array: NumericData;
  readonly dims?: readonly number[];
  readonly tensor?: unknown;
}

function checkOut(info: ElementTypeInfo, out: unknown, dims: readonly number[] | undefined): Given {
  if (isArrayOf(info, out)) return { array: out };
  if (!isTensorLike(out)) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `out: expected a ${info.array?.name} for ${info.name}, or a tensor, got ${describe(out)}`,
    );
  }
  const encoded: NativeTensors = [];
  encodeTensor(encoded, 0, out, 'out');
  const [, code, shape, array] = encoded as [number, number, number[], NumericData];
  if (code !== info.code) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `out.type: expected ${info.name}, got ${describe(out.type)}`,
    );
  }
  if (dims !== undefined && !hasDims(shape, dims)) {
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `out.dims: expected those of the options, [${dims.join()}], got [${shape.join()}]`,
    );
  }
  requireAccess(out, true, 'out');
  return { array, dims: shape, tensor: out };
}

/** An array for so many elements, if the text is long enough to have them: dims may lie. */
function arrayFor(
  info: ElementTypeInfo,
  count: number | undefined,
  { offset, end }: Request,
): NumericData | undefined {
  const { array } = info;
  if (count === undefined || array === undefined || count > (end - offset) / 2) return undefined;
  return newArray(array, (count * info.bits) / 8);
}

const newArrayOver = ({ array = Uint8Array }: ElementTypeInfo, elements: ArrayBuffer) =>
  newArray(array, elements);

function shorten(array: NumericData, length: number): NumericData {
  return array.length === length ? array : array.subarray(0, length);
}
