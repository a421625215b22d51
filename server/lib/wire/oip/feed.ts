import type { Tensor, TensorValueMetadata } from 'onlite';

import { checkShape, type Lease, type ServedModel, type Signature } from '../../models';
import { badRequest } from '../errors';
import { readNested } from '../json/nested';
import { NumberSink, isNumberType, readNumbers, type NumberArray } from '../json/numbers';
import { JsonReader } from '../json/reader';
import type { Body } from '../request';
import { decodeText, readStrings } from './bytes';
import { datatypeOf, elementBytes, hasDatatype } from './datatypes';
import type { InferInput, InferRequest } from './request';

/** An input of a request that fits the model's. */
interface Matched {
  readonly input: InferInput;
  readonly index: number;
  readonly metadata: TensorValueMetadata;
  readonly path: string;
  readonly count: number;
}

/**
 * Leases memory for a request and puts its inputs there. All that the request says of sizes has been
 * compared with what it has before anything is allocated.
 *
 * @param jsonLength - bytes of the body that are JSON; binary tensors follow in the order of the inputs
 * @throws RequestError 400, naming the path of what is wrong
 */
export function feed(
  model: ServedModel,
  signature: Signature,
  request: InferRequest,
  body: Body,
  jsonLength: number,
): Lease {
  const matched = request.inputs.map((input, position) =>
    match(model, signature, input, `inputs[${position}]`),
  );
  const shapes = shapesOf(signature, matched);
  let binary = 0;
  for (const each of matched) {
    const { input, path } = each;
    if (input.binarySize !== undefined) {
      checkBinarySize(each);
      binary += input.binarySize;
    } else if (input.data !== undefined && each.count * 2 - 1 > input.data.end - input.data.start) {
      // A number and a comma are two bytes.
      const bytes = input.data.end - input.data.start;
      throw badRequest(`${path}.data`, `expected ${each.count} elements, got ${bytes} bytes`);
    }
  }
  if (jsonLength + binary !== body.length) {
    const follow = body.length - jsonLength;
    throw badRequest(
      'inputs',
      `their binary_data_size add up to ${binary}, ${follow} bytes follow`,
    );
  }

  const lease = model.lease(signature, shapes);
  try {
    let position = jsonLength;
    for (const each of matched) {
      const tensor = lease.input(each.index);
      if (each.input.binarySize === undefined)
        readJsonData(each, tensor, body.slice(0, jsonLength));
      else {
        readBinary(each, tensor, body, position);
        position += each.input.binarySize;
      }
    }
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}

function match(model: ServedModel, signature: Signature, input: InferInput, path: string): Matched {
  const index = signature.inputIndex.get(input.name);
  const metadata = index === undefined ? undefined : signature.inputs[index];
  if (index === undefined || metadata === undefined) {
    const names = [...signature.inputIndex.keys()].join(', ');
    throw badRequest(`${path}.name`, `expected one of ${names}, got '${input.name}'`);
  }
  const datatype = datatypeOf(metadata.type);
  if (!hasDatatype(metadata.type)) {
    throw badRequest(path, `the model has ${metadata.type}, which the protocol has no name for`);
  }
  if (input.datatype !== datatype) {
    throw badRequest(`${path}.datatype`, `expected '${datatype}', got '${input.datatype}'`);
  }
  checkShape(metadata, input.shape, `${path}.shape`, model.isFixed);
  const count = input.shape.reduce((product, dim) => product * dim, 1);
  if (!Number.isSafeInteger(count)) throw badRequest(`${path}.shape`, 'has too many elements');
  return { input, index, metadata, path, count };
}

/** The shapes of a signature's inputs, each of which has to be there once. */
function shapesOf(
  signature: Signature,
  matched: readonly Matched[],
): (readonly number[] | undefined)[] {
  const shapes = new Array<readonly number[] | undefined>(signature.inputs.length).fill(undefined);
  for (const { index, input, path } of matched) {
    if (shapes[index] !== undefined)
      throw badRequest(`${path}.name`, `'${input.name}' is there twice`);
    shapes[index] = input.shape;
  }
  for (const [index, { name, optional }] of signature.inputs.entries()) {
    if (shapes[index] === undefined && optional !== true) {
      throw badRequest('inputs', `'${name}' is missing`);
    }
  }
  return shapes;
}

function checkBinarySize({ input, metadata, path, count }: Matched): void {
  const bytes = elementBytes(metadata.type);
  const size = input.binarySize ?? 0;
  if (bytes === undefined ? count * 4 <= size : count * bytes === size) return;
  const expected = bytes === undefined ? `at least ${count * 4}` : String(count * bytes);
  const where = `${path}.parameters.binary_data_size`;
  throw badRequest(
    where,
    `expected ${expected} for the shape [${input.shape.join(',')}], got ${size}`,
  );
}

function readBinary(
  { input, metadata, path, count }: Matched,
  tensor: Tensor,
  body: Body,
  from: number,
) {
  const size = input.binarySize ?? 0;
  if (metadata.type === 'string') {
    setStrings(tensor, readStrings(body.slice(from, from + size), count, path));
    return;
  }
  const bytes = bytesOf(tensor);
  body.copyTo(bytes, from);
  if (metadata.type === 'bool') checkBooleans(bytes, path);
}

/** A tensor's memory, which is little-endian on every platform that there is an addon for. */
export function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Any other byte than 0 or 1 is no value of a bool, and what a model makes of one is undefined. */
function checkBooleans(bytes: Uint8Array, path: string): void {
  const wrong = bytes.findIndex((byte) => byte > 1);
  if (wrong >= 0) throw badRequest(path, `byte ${wrong}: expected 0 or 1, got ${bytes[wrong]}`);
}

export function setStrings(tensor: Tensor, strings: readonly string[]): void {
  const data = tensor.data as unknown as string[];
  for (const [index, text] of strings.entries()) data[index] = text;
}

function readJsonData(
  { input, metadata, path, count }: Matched,
  tensor: Tensor,
  json: Buffer,
): void {
  const { type } = metadata;
  const reader = new JsonReader(json, { span: input.data });
  const fail = (got: number) =>
    badRequest(
      `${path}.data`,
      `expected ${count} elements for the shape [${input.shape.join(',')}], got ${got}`,
    );
  let length = 0;
  let shape: number[];
  if (isNumberType(type)) {
    const sink = new NumberSink(type, tensor.data as NumberArray);
    shape = readNumbers(reader, sink);
    ({ length } = sink);
  } else if (type === 'bool' || type === 'string') {
    const data = tensor.data as unknown as (string | number)[];
    const isText = type === 'string';
    shape = readNested(reader, () => {
      if (length === count) throw fail(length + 1);
      data[length++] = isText ? reader.string() : Number(reader.boolean());
    });
  } else {
    throw badRequest(path, `${input.datatype} has no JSON form: send it as binary data`);
  }
  if (shape.length === 0) throw badRequest(`${path}.data`, 'expected an array');
  if (length !== count) throw fail(length);
  // Flat, or nested as the tensor is.
  const isNested = shape.length > 1 && length > 0;
  if (isNested && shape.join() !== input.shape.join()) {
    const expected = `[${input.shape.join(',')}] or one flat array`;
    throw badRequest(
      `${path}.data`,
      `expected arrays of the shape ${expected}, got [${shape.join(',')}]`,
    );
  }
}

/**
 * A body that is one raw tensor: for the one input of a model, with one dynamic dimension at most, which
 * the size tells. An input of strings takes all of it as one element.
 */
export function feedRaw(model: ServedModel, signature: Signature, body: Body): Lease {
  const [metadata, second] = signature.inputs;
  if (metadata === undefined || second !== undefined) {
    throw badRequest(
      '',
      `a raw body is for a model of one input, '${model.name}' has ${signature.inputs.length}`,
    );
  }
  const fixed = metadata.shape.filter((dim): dim is number => typeof dim === 'number');
  const isOpen = metadata.shape.length - fixed.length;
  if (isOpen > 1) {
    throw badRequest(
      '',
      `a raw body is for an input with one dynamic dimension at most, '${metadata.name}' has ${isOpen}`,
    );
  }
  const known = fixed.reduce((product, dim) => product * dim, 1);
  const bytes = elementBytes(metadata.type);
  const count = bytes === undefined ? 1 : body.length / bytes;
  const open = count / known;
  const fits = isOpen === 1 ? known > 0 && Number.isInteger(open) : count === known;
  if (!fits || body.length === 0) {
    const wanted = metadata.shape.map((dim) => (typeof dim === 'number' ? dim : -1)).join(',');
    throw badRequest(
      '',
      `the body's ${body.length} bytes do not fit '${metadata.name}', ${datatypeOf(metadata.type)} [${wanted}]`,
    );
  }
  const shape = metadata.shape.map((dim) => (typeof dim === 'number' ? dim : open));
  const lease = model.lease(signature, [shape]);
  try {
    const tensor = lease.input(0);
    if (metadata.type === 'string') setStrings(tensor, [decodeText(body.bytes(), metadata.name)]);
    else {
      body.copyTo(bytesOf(tensor), 0);
      if (metadata.type === 'bool') checkBooleans(bytesOf(tensor), metadata.name);
    }
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}
