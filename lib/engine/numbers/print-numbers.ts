import {
  checkOptions,
  checkString,
  optionalBoolean,
  optionalChoice,
  optionalInteger,
  wordsOf,
} from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { native, type NativeTensors } from '../addon/native';
import { printFlag } from '../addon/native-numbers';
import { encodeTensor, type TensorLike } from '../run/feeds';
import { isTensorLike } from '../run/fetches';
import { requireAccess } from '../run/leases';
import { elementCount } from '../tensor/element-type';
import { byteLengthOf, isDetachedBuffer, typedArrayName } from '../tensor/typed-array';
import { requireNumberType } from './number-type';

/** What {@link printNumberRows} takes. Any other key is an error. */
export interface PrintRowsOptions {
  /**
   * How floats are written. `'shortest'`, the default: with the fewest digits that read back to the
   * same value of the element type, as JavaScript writes numbers. `'tensorflow'`: as TensorFlow
   * Serving does, as C's `%g` with 6 digits if that reads back equal, else with as many as do (9 for
   * float32, 17 for float64), and whole numbers as `3.0`.
   */
  form?: 'shortest' | 'tensorflow';
  /** Whole floats have a point: `3.0`. False by default, except in TensorFlow's form. */
  decimalPoint?: boolean;
  /**
   * `'accept'` (the default) writes `NaN`, `Infinity` and `-Infinity`, which Python, Triton and
   * TensorFlow Serving read and JSON does not.
   */
  nonFinite?: 'accept' | 'refuse';
  /** What the messages' path begins with, `'tensor'` by default. */
  path?: string;
  /** Bytes of text; 1 GiB by default. */
  maxBytes?: number;
  /** Where the text goes, instead of to new memory. */
  out?: Uint8Array;
  /** Where in `out` it begins. 0 by default. */
  offset?: number;
}

/** What {@link printNumbers} takes. Any other key is an error. */
export interface PrintNumbersOptions extends PrintRowsOptions {
  /** `'nested'`, the default: arrays as the dims say, a scalar by itself; `'flat'`: one array. */
  layout?: 'nested' | 'flat';
}

/** What {@link printNumberRows} has written. */
export interface PrintedRows {
  /** The rows one after another, with nothing between. */
  readonly bytes: Buffer;
  /** Where each row ends in `bytes`; it begins where the one before ends. */
  readonly ends: Float64Array;
}

const rowKeys = [
  'form',
  'decimalPoint',
  'nonFinite',
  'path',
  'maxBytes',
  'out',
  'offset',
] as const satisfies readonly (keyof PrintRowsOptions)[];
const keysOfRows: ReadonlySet<string> = new Set(rowKeys);
const keysOfNumbers: ReadonlySet<string> = new Set([...rowKeys, 'layout']);

const forms = wordsOf('shortest', 'tensorflow');
const nonFiniteWords = wordsOf('accept', 'refuse');
const layouts = wordsOf('nested', 'flat');

/**
 * Writes a tensor's numbers as JSON text: arrays as its dims nest them, without white space. What
 * was written reads back to the same elements, 64-bit integers too. `bool` is written as `true`
 * and `false`. It works on the calling thread, some milliseconds a megabyte.
 *
 * @param tensor - of numbers or bool, in ordinary or in a pool's memory
 * @returns the text as UTF-8: of its own, or a view of `out`
 * @throws OnliteError ERR_INVALID_ARGUMENT for NaN and infinities that are to be refused, with the path of the
 *   element, and beyond `maxBytes`; ERR_SHAPE_MISMATCH where `out` is too small;
 *   ERR_UNSUPPORTED for a type whose elements are no numbers; ERR_TENSOR_DISPOSED,
 *   ERR_BUFFER_DETACHED, ERR_BUSY if a run in flight writes the tensor, or ERR_OUT_OF_MEMORY.
 */
export function printNumbers(tensor: TensorLike, options?: PrintNumbersOptions): Buffer {
  const request = checkRequest(options, keysOfNumbers);
  const encoded = encode(tensor, request.path);
  if (request.isFlat) encoded[2] = [elementCount(encoded[2] as number[], 'dims')];
  return print(encoded, request, false).bytes;
}

/**
 * Writes the elements of a tensor's first dimension each by itself, as {@link printNumbers} would
 * write it: for documents that have other text between them, such as the objects of TensorFlow
 * Serving's row form.
 *
 * @throws OnliteError as {@link printNumbers}; ERR_SHAPE_MISMATCH for a scalar, ERR_INVALID_ARGUMENT
 *   for more than 2^27 rows
 */
export function printNumberRows(tensor: TensorLike, options?: PrintRowsOptions): PrintedRows {
  const request = checkRequest(options, keysOfRows);
  const { bytes, ends } = print(encode(tensor, request.path), request, true);
  return { bytes, ends: new Float64Array(ends ?? new ArrayBuffer(0)) };
}

interface Printed {
  bytes: Buffer;
  ends: ArrayBuffer | null;
}

interface Request {
  flags: number;
  isFlat: boolean;
  path: string;
  maxBytes: number;
  out: Uint8Array | undefined;
  offset: number;
}

const defaultMaxBytes = 2 ** 30;

const defaults: Readonly<Request> = {
  flags: 0,
  isFlat: false,
  path: 'tensor',
  maxBytes: defaultMaxBytes,
  out: undefined,
  offset: 0,
};

function checkRequest(given: unknown, keys: ReadonlySet<string>): Readonly<Request> {
  if (given === undefined) return defaults;
  const options = checkOptions(given, 'options', keys);
  const { path, out } = options;
  const isTensorFlow = optionalChoice(options, 'form', 'options', forms) === 'tensorflow';
  const hasPoint = optionalBoolean(options, 'decimalPoint', 'options') === true;
  const refuses = optionalChoice(options, 'nonFinite', 'options', nonFiniteWords) === 'refuse';
  const memory = out === undefined ? undefined : checkOut(out);
  const room = memory === undefined ? 0 : byteLengthOf(memory);
  return {
    flags:
      (refuses ? printFlag.refuseNonFinite : 0) |
      (hasPoint ? printFlag.decimalPoint : 0) |
      (isTensorFlow ? printFlag.general : 0),
    isFlat: optionalChoice(options, 'layout', 'options', layouts) === 'flat',
    path: path === undefined ? 'tensor' : checkString(path, 'options.path'),
    maxBytes:
      optionalInteger(options, 'maxBytes', 'options', 0, Number.MAX_SAFE_INTEGER) ??
      defaultMaxBytes,
    out: memory,
    offset: optionalInteger(options, 'offset', 'options', 0, room) ?? 0,
  };
}

function checkOut(out: unknown): Uint8Array {
  if (typedArrayName(out) !== 'Uint8Array')
    throw invalidArgument('options.out', 'a Uint8Array', out);
  const memory = out as Uint8Array;
  if (!isDetachedBuffer(memory.buffer)) return memory;
  throw new OnliteError('ERR_BUFFER_DETACHED', 'options.out: the buffer is detached');
}

/** Checks a tensor and flattens it for the addon. */
function encode(tensor: unknown, path: string): NativeTensors {
  if (!isTensorLike(tensor)) throw invalidArgument(path, 'a tensor', tensor);
  requireNumberType(tensor.type, `${path}.type`);
  const encoded: NativeTensors = [];
  encodeTensor(encoded, 0, tensor, path);
  requireAccess(tensor, false, path);
  return encoded;
}

function print(tensor: NativeTensors, request: Request, rows: boolean): Printed {
  const { flags, maxBytes, path } = request;
  const { out = smallMemory(tensor), offset } = request;
  const [length, text, ends] = native().printNumbers(
    tensor,
    flags,
    maxBytes,
    path,
    out,
    offset,
    rows,
  );
  const bytes =
    text === null && out !== undefined
      ? Buffer.from(out.buffer, out.byteOffset + offset, length)
      : Buffer.from(text ?? new ArrayBuffer(0));
  return { bytes, ends };
}

/** Of Node's pool, for a text that is surely short: an ArrayBuffer of its own costs more than the text. */
function smallMemory(tensor: NativeTensors): Uint8Array | undefined {
  const dims = tensor[2] as number[];
  const size = elementCount(dims, 'dims');
  // No element takes more, and none has more brackets around it.
  const most = size * (28 + 2 * dims.length);
  return size > 0 && most <= Buffer.poolSize >>> 1 ? Buffer.allocUnsafe(most) : undefined;
}
