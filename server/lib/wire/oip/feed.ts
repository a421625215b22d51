import type { Tensor, TensorValueMetadata } from 'onlite';

import { checkShape, type Lease, type ServedModel, type Signature } from '../../models';
import { badRequest } from '../errors';
import { readNested } from '../json/nested';
import {
  NumberSink,
  isNumberType,
  readNumbers,
  type NumberArray,
  type NumberRules,
} from '../json/numbers';
import { JsonReader } from '../json/reader';
import type { Body } from '../request';
import { elementBytes } from '../tensors/element-bytes';
import { checkBooleans, setStrings } from '../tensors/memory';
import { wantedOutputs, type WantedOutput } from './answer';
import { readStrings } from './bytes';
import { datatypeOf, hasDatatype } from './datatypes';
import type { InferInput, InferRequest } from './request';

/** An input of a request that fits the model's. */
export interface Matched {
  readonly input: InferInput;
  readonly index: number;
  readonly metadata: TensorValueMetadata;
  readonly path: string;
  readonly count: number;
}

/** What is known of a request before its tensors are looked at. */
export interface FeedPlan {
  readonly model: ServedModel;
  readonly signature: Signature;
  readonly matched: readonly Matched[];
  readonly shapes: readonly (readonly number[] | undefined)[];
  /** Bytes of all binary tensors. */
  readonly binary: number;
  readonly wanted: readonly WantedOutput[];
}

/** Of requests that are sent again and again, see {@link readOftenSent}. */
const plans = new WeakMap<InferRequest, FeedPlan>();

/**
 * Compares all that a request says of itself with the model, and of sizes with what it has: before anything
 * is allocated.
 *
 * @throws RequestError 400, naming the path of what is wrong
 */
export function planFeed(model: ServedModel, request: InferRequest): FeedPlan {
  const known = plans.get(request);
  if (known?.model === model) return known;
  const signature = model.signature(request.signatureName);
  const wanted = wantedOutputs(signature, request);
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
  const plan = { model, signature, matched, shapes, binary, wanted };
  if (request.isOften) plans.set(request, plan);
  return plan;
}

/**
 * Leases memory for a request and puts its inputs there.
 *
 * @param jsonLength - bytes of the body that are JSON; binary tensors follow in the order of the inputs
 * @throws RequestError 400, naming the path of what is wrong
 */
export function feed(plan: FeedPlan, body: Body, jsonLength: number, rules: NumberRules): Lease {
  const { model, signature, matched, shapes, binary } = plan;
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
      const { binarySize } = each.input;
      if (binarySize === undefined) {
        readJsonData(each, lease.input(each.index), body.slice(0, jsonLength), rules);
      } else {
        readBinary(each, lease, body, position);
        position += binarySize;
      }
    }
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}

export function match(
  model: ServedModel,
  signature: Signature,
  input: InferInput,
  path: string,
): Matched {
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
export function shapesOf(
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
  { input, index, metadata, path, count }: Matched,
  lease: Lease,
  body: Body,
  from: number,
) {
  const size = input.binarySize ?? 0;
  if (metadata.type === 'string') {
    setStrings(lease.input(index), readStrings(body.slice(from, from + size), count, path));
    return;
  }
  const bytes = lease.inputBytes(index);
  body.copyTo(bytes, from);
  if (metadata.type === 'bool') checkBooleans(bytes, path);
}

function readJsonData(
  { input, metadata, path, count }: Matched,
  tensor: Tensor,
  json: Buffer,
  rules: NumberRules,
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
    shape = readNumbers(reader, sink, rules);
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
  reader.finish();
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
