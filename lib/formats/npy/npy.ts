import { OnliteError } from '../../errors';
import { dtypeDescr, parseDtype, type NpyDtype } from './dtype';
import { readHeader, writeHeader } from './header';
import { fortranToC, swapBytes } from './layout';
import { decodeStrings, encodeStrings } from './text';
import type { NpyArray, NpyData } from './types';

/** Zero-width strings cost no bytes in a file, so only this bounds how many a header can ask for. */
const MAX_EMPTY_STRINGS = 1 << 20;

const fail = (reason: string): OnliteError =>
  new OnliteError('ERR_INVALID_ARGUMENT', `npy: ${reason}`);

function product(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const count = shape.reduce((sum, dim) => sum * dim, 1);
  if (!Number.isSafeInteger(count)) throw fail(`shape (${shape.join(', ')}) is too large`);
  return count;
}

/** `bytes` starts an ArrayBuffer of its own, so every element type is aligned. */
function toData({ type }: NpyDtype, bytes: Uint8Array): NpyData {
  const { buffer } = bytes;
  switch (type) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'uint16':
    case 'float16':
      return new Uint16Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'uint64':
      return new BigUint64Array(buffer);
    case 'bool':
      return bytes.map((byte) => (byte === 0 ? 0 : 1));
    default:
      return bytes;
  }
}

/**
 * Reads a .npy file of format version 1, 2 or 3. The elements are copied once; big-endian and
 * Fortran-ordered files are converted. Bytes after the last element are ignored, as NumPy does.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for anything else, object arrays (pickles) included.
 */
export function readNpy(bytes: Uint8Array): NpyArray {
  const header = readHeader(bytes);
  const dtype = parseDtype(header.descr);
  const dims = [...header.shape];
  const count = product(dims);
  const length = count * dtype.itemSize;
  const available = bytes.length - header.dataOffset;
  if (length > available) {
    throw fail(
      `shape (${dims.join(', ')}) of ${dtype.type} needs ${length} bytes, ` +
        `the file has ${available}`,
    );
  }
  if (dtype.itemSize === 0 && count > MAX_EMPTY_STRINGS) {
    throw fail(`${count} empty strings`);
  }
  let elements: Uint8Array = new Uint8Array(length);
  elements.set(bytes.subarray(header.dataOffset, header.dataOffset + length));
  if (dtype.bigEndian) swapBytes(elements, dtype.swapSize);
  if (header.fortranOrder && dims.length > 1) elements = fortranToC(elements, dims, dtype.itemSize);
  const data = dtype.text ? decodeStrings(elements, dtype, count) : toData(dtype, elements);
  return { type: dtype.type, dims, data };
}

function concatenate(header: Uint8Array, elements: Uint8Array): Uint8Array {
  const file = new Uint8Array(header.length + elements.length);
  file.set(header);
  file.set(elements, header.length);
  return file;
}

/**
 * Writes a .npy file (format version 1, little-endian, C order).
 *
 * What NumPy has no type for is stored as its raw bits: bfloat16 as uint16 of the same shape,
 * packed types (int4, uint4) and 8-bit floats as a flat uint8 array of their bytes.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when data and dims do not belong together.
 */
export function writeNpy(array: NpyArray): Uint8Array {
  const { type, dims, data } = array;
  const count = product(dims);
  if (!ArrayBuffer.isView(data)) {
    if (type !== 'string' || data.length !== count) {
      throw fail(`${data.length} strings for ${type} of shape (${dims.join(', ')})`);
    }
    const { descr, bytes } = encodeStrings(data);
    return concatenate(writeHeader(descr, dims), bytes);
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const descr = dtypeDescr(type);
  if (descr === undefined) return concatenate(writeHeader('|u1', [bytes.length]), bytes);
  const expected = count * parseDtype(descr).itemSize;
  if (bytes.length !== expected) {
    throw fail(
      `${type} of shape (${dims.join(', ')}) needs ${expected} bytes, ` +
        `the data has ${bytes.length}`,
    );
  }
  return concatenate(writeHeader(descr, dims), bytes);
}
