import { checkArray } from '../../checks';
import { maxRank, type ElementTypeInfo, type NumericData } from '../tensor/element-type';
import { OnliteError, describe, invalidArgument } from '../../errors';
import type { TensorLike } from './feeds';
import type { RequestedOutputs, SignaturePlan } from './signature-plan';
import { lossOf, typedArrayName } from '../tensor/typed-array';

/**
 * Tells `run(feeds, x)`'s x apart, by onnxruntime-common's rule: fetches if it is
 * an array of names, or if an output's name among its own keys holds null or a
 * tensor; otherwise options.
 */
export function isFetches(plan: SignaturePlan, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  for (const name of Object.keys(value)) {
    if (!plan.outputIndex.has(name)) continue;
    const fetch = (value as Record<string, unknown>)[name];
    if (fetch === null || isTensorLike(fetch)) return true;
  }
  return false;
}

/** An object may be one of another copy of this package, or of onnxruntime-common. */
export function isTensorLike(value: unknown): value is Pick<TensorLike, 'dims' | 'type'> {
  return typeof value === 'object' && value !== null && 'dims' in value && 'type' in value;
}

/**
 * The outputs that fetches ask for: names, or an object of names with null or
 * a tensor that the result is written to.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT naming the fetch.
 */
export function parseFetches(plan: SignaturePlan, fetches: unknown): RequestedOutputs {
  const isList = Array.isArray(fetches);
  const names = isList
    ? checkArray(fetches, 'fetches', plan.outputIndex.size)
    : Object.keys(fetches as object);
  if (names.length === 0) throw invalidArgument('fetches', 'at least one output name', fetches);
  const indexes: number[] = [];
  const tensors: unknown[] | undefined = isList ? undefined : [];
  for (const name of names) {
    const index = typeof name === 'string' ? plan.outputIndex.get(name) : undefined;
    if (index === undefined) {
      const expected = `one of ${[...plan.outputIndex.keys()].join(', ')}`;
      throw invalidArgument('fetches', expected, name);
    }
    if (isList && indexes.includes(index)) {
      throw invalidArgument('fetches', 'each output once', name);
    }
    indexes.push(index);
    tensors?.push(givenTensor(fetches, name as string));
  }
  return { indexes, tensors };
}

function givenTensor(fetches: unknown, name: string): unknown {
  const value = (fetches as Record<string, unknown>)[name];
  if (value === null || isTensorLike(value)) return value;
  throw invalidArgument(`fetches.${name}`, 'null or a tensor', value);
}

/** A result that is to be written into a tensor of the caller's. */
export interface Result {
  readonly type: ElementTypeInfo;
  readonly dims: readonly number[];
  readonly byteLength: number;
  /** Copies the elements; not of strings. */
  copyTo(array: NumericData): void;
}

/**
 * Writes a result into the tensor the caller gave for it.
 *
 * @param result - or the strings of one
 * @returns the caller's tensor
 * @throws OnliteError ERR_TYPE_MISMATCH, ERR_SHAPE_MISMATCH, ERR_INVALID_ARGUMENT for a
 *   frozen array, or ERR_BUFFER_DETACHED if the caller's memory has gone away since.
 */
export function fillFetch(
  name: string,
  given: unknown,
  result: Result,
  strings?: readonly string[],
): unknown {
  const path = `outputs.${name}`;
  const { type, dims, data } = given as { type: unknown; dims: unknown; data: unknown };
  if (type !== result.type.name) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `${path}.type: the result is ${result.type.name}, the given tensor is ${describe(type)}`,
    );
  }
  const givenDims = checkArray(dims, `${path}.dims`, maxRank);
  if (!hasDims(givenDims, result.dims)) {
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `${path}.dims: the result has [${result.dims.join()}], ` +
        `the given tensor has [${givenDims.map(describe).join()}]`,
    );
  }
  if (strings !== undefined) {
    if (!Array.isArray(data)) throw invalidArgument(`${path}.data`, 'an array', data);
    try {
      for (const [index, text] of strings.entries()) data[index] = text;
    } catch (cause) {
      const message = `${path}.data: the array cannot be written`;
      throw new OnliteError('ERR_INVALID_ARGUMENT', message, { cause });
    }
    return given;
  }
  result.copyTo(writableArray(path, data, result));
  return given;
}

export function hasDims(dims: readonly unknown[], expected: readonly number[]): boolean {
  if (dims.length !== expected.length) return false;
  for (let axis = 0; axis < expected.length; axis++) {
    if (dims[axis] !== expected[axis]) return false;
  }
  return true;
}

/** Whether an array is of the class that a tensor of the type has. */
export function isArrayOf(type: ElementTypeInfo, data: unknown): data is NumericData {
  const name = typedArrayName(data);
  // A Float16Array's elements may be given and received as 16-bit patterns.
  return (
    name !== undefined &&
    (name === type.array?.name || (type.name === 'float16' && name === 'Uint16Array'))
  );
}

function writableArray(path: string, to: unknown, { type, byteLength }: Result): NumericData {
  if (!isArrayOf(type, to) || !ArrayBuffer.isView(to)) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `${path}.data: expected a ${type.array?.name} for ${type.name}, got ${describe(to)}`,
    );
  }
  if (to.byteLength !== byteLength) {
    const loss = lossOf(to);
    if (loss !== undefined) throw new OnliteError('ERR_BUFFER_DETACHED', `${path}.data: ${loss}`);
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `${path}.data: expected ${byteLength} bytes, got ${to.byteLength}`,
    );
  }
  return to;
}
