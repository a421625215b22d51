import { elementType, maxRank } from './element-type';
import { OnliteError, describe, invalidArgument } from './errors';
import { checkArray } from './checks';
import { encodeOutput, type RequestedOutputs, type SignaturePlan } from './signature-plan';
import { Tensor } from './tensor';
import { lossOf, typedArrayName } from './typed-array';

/**
 * Tells `run(feeds, x)`'s x apart, by onnxruntime-common's rule: fetches if it is
 * an array of names, or if an output's name among its own keys holds null or a
 * tensor; otherwise options.
 */
export function isFetches(plan: SignaturePlan, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  return Object.keys(value).some((name) => {
    if (!plan.outputIndex.has(name)) return false;
    const fetch = (value as Record<string, unknown>)[name];
    return fetch === null || isTensorLike(fetch);
  });
}

function isTensorLike(value: unknown): boolean {
  return (
    value instanceof Tensor ||
    (typeof value === 'object' && value !== null && 'dims' in value && 'type' in value)
  );
}

/**
 * The outputs that fetches ask for: names, or an object of names with null or
 * a tensor that the result is written to.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT naming the fetch.
 */
export function parseFetches(plan: SignaturePlan, fetches: unknown): RequestedOutputs {
  const names = Array.isArray(fetches)
    ? checkArray(fetches, 'fetches', plan.outputIndex.size)
    : Object.keys(fetches as object);
  if (names.length === 0) throw invalidArgument('fetches', 'at least one output name', fetches);
  const encoded: unknown[] = [];
  const tensors: unknown[] = [];
  const seen = new Set<unknown>();
  for (const name of names) {
    const index = typeof name === 'string' ? plan.outputIndex.get(name) : undefined;
    if (index === undefined) {
      const expected = `one of ${[...plan.outputIndex.keys()].join(', ')}`;
      throw invalidArgument('fetches', expected, name);
    }
    if (seen.has(name)) throw invalidArgument('fetches', 'each output once', name);
    seen.add(name);
    encoded.push(...encodeOutput(index));
    tensors.push(Array.isArray(fetches) ? null : givenTensor(fetches, name as string));
  }
  return { names: names as string[], encoded, tensors };
}

function givenTensor(fetches: unknown, name: string): unknown {
  const value = (fetches as Record<string, unknown>)[name];
  if (value === null || isTensorLike(value)) return value;
  throw invalidArgument(`fetches.${name}`, 'null or a tensor', value);
}

/**
 * Writes a result into the tensor the caller gave for it.
 *
 * @returns the caller's tensor
 * @throws OnliteError ERR_TYPE_MISMATCH, ERR_SHAPE_MISMATCH, or
 *   ERR_BUFFER_DETACHED if the caller's memory has gone away since.
 */
export function fillFetch(name: string, given: unknown, result: unknown): unknown {
  const path = `outputs.${name}`;
  if (!(result instanceof Tensor)) {
    throw new OnliteError('ERR_TYPE_MISMATCH', `${path}: the result is not a tensor`);
  }
  const { type, dims, data } = given as { type: unknown; dims: unknown; data: unknown };
  if (type !== result.type) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `${path}.type: the result is ${result.type}, the given tensor is ${describe(type)}`,
    );
  }
  const givenDims = checkArray(dims, `${path}.dims`, maxRank);
  if (
    givenDims.length !== result.dims.length ||
    givenDims.some((dim, axis) => dim !== result.dims[axis])
  ) {
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `${path}.dims: the result has [${result.dims.join()}], ` +
        `the given tensor has [${givenDims.map(describe).join()}]`,
    );
  }
  const elements: unknown = result.data;
  if (elementType(type)?.array === undefined) {
    if (!Array.isArray(data)) throw invalidArgument(`${path}.data`, 'an array', data);
    for (const [index, text] of (elements as string[]).entries()) data[index] = text;
    return given;
  }
  copyElements(path, String(result.type), data, elements as Uint8Array);
  return given;
}

function copyElements(path: string, type: string, to: unknown, from: Uint8Array): void {
  const name = typedArrayName(to);
  // A Float16Array's elements may be given and received as 16-bit patterns.
  const isSame = name === typedArrayName(from) || (type === 'float16' && name === 'Uint16Array');
  if (!isSame || !ArrayBuffer.isView(to)) {
    throw new OnliteError(
      'ERR_TYPE_MISMATCH',
      `${path}.data: expected a ${typedArrayName(from)} for ${type}, got ${describe(to)}`,
    );
  }
  if (to.byteLength !== from.byteLength) {
    const loss = lossOf(to);
    if (loss !== undefined) throw new OnliteError('ERR_BUFFER_DETACHED', `${path}.data: ${loss}`);
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `${path}.data: expected ${from.byteLength} bytes, got ${to.byteLength}`,
    );
  }
  new Uint8Array(to.buffer, to.byteOffset, to.byteLength).set(
    new Uint8Array(from.buffer, from.byteOffset, from.byteLength),
  );
}
