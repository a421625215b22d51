import { checkArray } from '../../checks';
import {
  dataLength,
  elementCount,
  elementType,
  maxRank,
  type ElementTypeInfo,
  type NumericData,
} from '../tensor/element-type';
import { OnliteError, describe, invalidArgument } from '../../errors';
import { requireAccess, type RunLeases } from './leases';
import { poolMemoryOf } from '../tensor/pool/lease';
import { memoryKind, sequenceCode, type NativeTensors } from '../addon/native';
import type { SignaturePlan } from './signature-plan';
import { lengthOf, lossOf, typedArrayName } from '../tensor/typed-array';

/** What a feed must look like: any object with these properties will do. */
export interface TensorLike {
  readonly type: string;
  readonly data: unknown;
  readonly dims: readonly number[];
}

/**
 * Checks the form of a run's feeds and flattens them for the addon: names, types,
 * dims and data lengths. Every property is read once, and native code gets
 * fresh arrays, so nothing changes between the check and the use. Whether the
 * types and dims are the model's is checked by the runtime's adapter.
 *
 * @param leases - holds on the pooled tensors, for a run that goes on when this has returned
 * @throws OnliteError with the path of what is wrong, e.g. `inputs.image.dims[0]`;
 *   ERR_BUSY if a run in flight writes a pooled tensor.
 */
export function encodeFeeds(
  plan: SignaturePlan,
  feeds: unknown,
  leases: RunLeases | undefined,
): NativeTensors {
  if (typeof feeds !== 'object' || feeds === null || Array.isArray(feeds)) {
    throw invalidArgument('feeds', 'an object of tensors by input name', feeds);
  }
  const encoded: NativeTensors = [];
  for (const name of Object.keys(feeds)) {
    const index = plan.inputIndex.get(name);
    if (index === undefined) throw unknownInput(plan, name);
    const value = (feeds as Record<string, unknown>)[name];
    if ((value === null || value === undefined) && plan.inputs[index]?.optional === true) continue;
    const path = `inputs.${name}`;
    if (plan.inputs[index]?.kind === 'sequence') {
      encodeSequence(encoded, index, value, path, leases);
      continue;
    }
    encodeTensor(encoded, index, value, path);
    if (leases === undefined) requireAccess(value, false, path);
    else leases.add(value, false, path);
  }
  return encoded;
}

const maxItems = 1_000_000;

/** An ONNX sequence: an array of tensors. */
function encodeSequence(
  encoded: NativeTensors,
  index: number,
  value: unknown,
  path: string,
  leases: RunLeases | undefined,
): void {
  if (!Array.isArray(value)) throw invalidArgument(path, 'an array of tensors', value);
  const items: NativeTensors = [];
  for (const [position, item] of checkArray(value, path, maxItems).entries()) {
    const itemPath = `${path}[${position}]`;
    encodeTensor(items, position, item, itemPath);
    if (leases === undefined) requireAccess(item, false, itemPath);
    else leases.add(item, false, itemPath);
  }
  encoded.push(index, sequenceCode, [], items, memoryKind.ordinary);
}

function unknownInput(plan: SignaturePlan, name: string): OnliteError {
  const names = plan.inputs.map((input) => input.name).join(', ');
  return new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `inputs.${name}: the model has no such input, expected ${names === '' ? 'none' : names}`,
  );
}

/** Tensors in ordinary memory; reading the data of a disposed one ('none') throws. */
const hostLocations: ReadonlySet<unknown> = new Set(['cpu', 'cpu-pinned', 'none']);

/** Checks one tensor's form and appends it. */
export function encodeTensor(
  encoded: NativeTensors,
  index: number,
  value: unknown,
  path: string,
): void {
  if (typeof value !== 'object' || value === null) throw invalidArgument(path, 'a tensor', value);
  const tensor = value as Partial<TensorLike> & { location?: unknown };
  const typeName = tensor.type;
  const type = elementType(typeName);
  if (type === undefined) throw invalidArgument(`${path}.type`, 'an element type', typeName);
  const dims = copyDims(tensor.dims, `${path}.dims`);
  const location = tensor.location;
  if (location !== undefined && !hostLocations.has(location)) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `${path}.location: expected 'cpu', got ${describe(location)}`,
    );
  }
  // A pooled tensor's own view: the property may have been redefined.
  const pooled = poolMemoryOf(value);
  const data = checkData(type, pooled?.data ?? tensor.data, dims, `${path}.data`);
  encoded.push(
    index,
    type.code,
    dims,
    data,
    pooled?.stable === true ? memoryKind.pooled : memoryKind.ordinary,
  );
}

function copyDims(dims: unknown, path: string): number[] {
  return checkArray(dims, path, maxRank) as number[];
}

function checkData(
  type: ElementTypeInfo,
  data: unknown,
  dims: readonly number[],
  path: string,
): unknown {
  const expected = dataLength(type, elementCount(dims, path.replace(/data$/, 'dims')));
  if (type.array === undefined) return copyStrings(data, expected, path);
  const name = typedArrayName(data);
  const isRawFloat16 = type.name === 'float16' && name === 'Uint16Array';
  if (name === undefined || (name !== type.array.name && !isRawFloat16)) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `${path}: expected a ${type.array.name} for ${type.name}, got ${describe(data)}`,
    );
  }
  const array = data as Uint16Array;
  const length = lengthOf(array);
  if (length !== expected) {
    const loss = lossOf(array);
    if (loss !== undefined) throw new OnliteError('ERR_BUFFER_DETACHED', `${path}: ${loss}`);
    throw wrongLength(path, expected, length, dims);
  }
  return nativeArray(array);
}

/** A typed array as Node-API knows it: it has no name for a Float16Array yet. */
export function nativeArray(array: NumericData): NumericData {
  if (typedArrayName(array) !== 'Float16Array') return array;
  // The buffer of none may be detached.
  return array.byteLength === 0
    ? new Uint16Array(0)
    : new Uint16Array(array.buffer, array.byteOffset, array.byteLength / 2);
}

function copyStrings(data: unknown, expected: number, path: string): string[] {
  if (!Array.isArray(data)) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `${path}: expected an array of strings, got ${describe(data)}`,
    );
  }
  if (data.length !== expected) throw wrongLength(path, expected, data.length);
  const copy: string[] = [];
  for (let index = 0; index < expected; index++) {
    const text: unknown = data[index];
    if (typeof text !== 'string') throw invalidArgument(`${path}[${index}]`, 'a string', text);
    copy.push(text);
  }
  return copy;
}

function wrongLength(
  path: string,
  expected: number,
  got: number,
  dims?: readonly number[],
): OnliteError {
  const shape = dims === undefined ? '' : ` for dims [${dims.join(',')}]`;
  return new OnliteError(
    'ERR_SHAPE_MISMATCH',
    `${path}: expected ${expected} elements${shape}, got ${got}`,
  );
}
