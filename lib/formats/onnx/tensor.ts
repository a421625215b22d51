import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';

import { OnliteError } from '../../errors';
import { unreadable } from '../../files';
import { dataTypeBits, dataTypeName, OnnxDataType } from './data-type';
import type { TensorProto } from './types';

/** Where a tensor's bytes lie outside the model file; `length` is absent for "to the end". */
export interface ExternalDataLocation {
  location: string;
  offset: number;
  length?: number;
}

const invalid = (tensor: TensorProto, reason: string): OnliteError =>
  new OnliteError('ERR_MODEL_INVALID', `tensor '${tensor.name ?? ''}': ${reason}`);

/** The product of the dims; 1 for a scalar. */
export function elementCount(tensor: TensorProto): number {
  let count = 1;
  for (const dim of tensor.dims) {
    if (dim < 0) throw invalid(tensor, `negative dimension ${dim}`);
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) throw invalid(tensor, 'too many elements');
  return count;
}

/** Bytes that the tensor's elements take when packed; strings count their UTF-8 bytes. */
export function tensorByteLength(tensor: TensorProto): number {
  if (tensor.dataType === OnnxDataType.STRING) {
    return tensor.stringData.reduce((sum, text) => sum + text.byteLength, 0);
  }
  const bits = dataTypeBits(tensor.dataType);
  if (bits === undefined) throw invalid(tensor, `unknown ${dataTypeName(tensor.dataType)}`);
  return Math.ceil((elementCount(tensor) * bits) / 8);
}

function parseSize(tensor: TensorProto, key: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw invalid(tensor, `external_data ${key} is '${text}'`);
  }
  return value;
}

/** Undefined when the tensor's data is in the model file. */
export function externalDataLocation(tensor: TensorProto): ExternalDataLocation | undefined {
  if (tensor.dataLocation !== 1) return undefined;
  const entries = new Map(tensor.externalData.map((entry) => [entry.key, entry.value ?? '']));
  const location = entries.get('location');
  if (!location) throw invalid(tensor, 'external_data has no location');
  const result: ExternalDataLocation = {
    location,
    offset: parseSize(tensor, 'offset', entries.get('offset') ?? '0'),
  };
  const length = entries.get('length');
  if (length !== undefined) result.length = parseSize(tensor, 'length', length);
  return result;
}

/**
 * The file that a tensor's data is in, with all links followed; undefined where it is in the model's.
 *
 * @param folder - the model file's
 * @throws OnliteError ERR_MODEL_INVALID when it lies outside the folder; ERR_MODEL_NOT_FOUND or
 *   ERR_MODEL_UNREADABLE when it cannot be read.
 */
export function externalDataFile(tensor: TensorProto, folder: string): string | undefined {
  const external = externalDataLocation(tensor);
  return external && resolveInside(tensor, folder, external.location);
}

/** The model's folder is the border: absolute paths, `..` and links out of it are refused. */
function resolveInside(tensor: TensorProto, folder: string, location: string): string {
  const root = realpathSync(folder);
  const target = resolve(root, location);
  const inside = (file: string): boolean => {
    const within = relative(root, file);
    return within !== '' && !within.startsWith('..') && !isAbsolute(within);
  };
  if (isAbsolute(location) || !inside(target)) {
    throw invalid(tensor, `external data '${location}' is outside the model's folder`);
  }
  let real: string;
  try {
    real = realpathSync(target);
  } catch (cause) {
    throw unreadable(`external data '${location}' cannot be read`, cause);
  }
  if (!inside(real)) throw invalid(tensor, `external data '${location}' leaves the model's folder`);
  return real;
}

function readExternal(tensor: TensorProto, folder: string, at: ExternalDataLocation): Uint8Array {
  const expected = tensorByteLength(tensor);
  const length = at.length ?? expected;
  if (length !== expected) {
    throw invalid(tensor, `external length is ${length}, expected ${expected}`);
  }
  const file = openSync(resolveInside(tensor, folder, at.location), 'r');
  try {
    // Before the allocation: a damaged header may ask for terabytes.
    if (at.offset + length > fstatSync(file).size) {
      throw invalid(tensor, `external data '${at.location}' is too short`);
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const count = readSync(file, bytes, done, length - done, at.offset + done);
      if (count === 0) throw invalid(tensor, `external data '${at.location}' is too short`);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function viewBytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function typedDataBytes(tensor: TensorProto): Uint8Array | undefined {
  switch (tensor.dataType) {
    case OnnxDataType.FLOAT:
    case OnnxDataType.COMPLEX64:
      return viewBytes(Float32Array.from(tensor.floatData));
    case OnnxDataType.DOUBLE:
    case OnnxDataType.COMPLEX128:
      return viewBytes(Float64Array.from(tensor.doubleData));
    case OnnxDataType.INT64:
      return viewBytes(BigInt64Array.from(tensor.int64Data));
    case OnnxDataType.UINT64:
      return viewBytes(BigUint64Array.from(tensor.uint64Data));
    case OnnxDataType.UINT32:
      return viewBytes(Uint32Array.from(tensor.uint64Data, Number));
    case OnnxDataType.INT32:
      return viewBytes(Int32Array.from(tensor.int32Data));
    case OnnxDataType.UINT16:
    case OnnxDataType.INT16:
    case OnnxDataType.FLOAT16:
    case OnnxDataType.BFLOAT16:
      return viewBytes(Uint16Array.from(tensor.int32Data));
    case OnnxDataType.STRING:
      return undefined;
    default:
      // 8-bit types one per entry; 4- and 2-bit types are packed into bytes already.
      return Uint8Array.from(tensor.int32Data);
  }
}

/**
 * The tensor's elements as packed little-endian bytes: a view for `rawData`, a fresh array for the
 * typed fields and for external data (looked up in `folder`, the model file's).
 *
 * @throws OnliteError ERR_MODEL_INVALID when the length is not what type and dims say;
 * ERR_INVALID_ARGUMENT for strings and for external data without `folder`.
 */
export function tensorBytes(tensor: TensorProto, folder?: string): Uint8Array {
  const external = externalDataLocation(tensor);
  if (external) {
    if (folder === undefined) {
      throw new OnliteError(
        'ERR_INVALID_ARGUMENT',
        `tensor '${tensor.name ?? ''}' has external data: the model's folder is needed`,
      );
    }
    return readExternal(tensor, folder, external);
  }
  const bytes = tensor.rawData ?? typedDataBytes(tensor);
  if (!bytes) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `tensor '${tensor.name ?? ''}' holds strings`);
  }
  const expected = tensorByteLength(tensor);
  if (bytes.byteLength !== expected) {
    throw invalid(tensor, `${bytes.byteLength} bytes, expected ${expected}`);
  }
  return bytes;
}
