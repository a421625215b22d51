import type { ElementType, Tensor } from 'onlite';

import type { Lease, ServedModel, Signature } from '../../../models';
import { badRequest } from '../../errors';
import type { NumberArray } from '../../json/numbers';
import { elementBytes } from '../../tensors/element-bytes';
import { bytesOf, checkBooleans, setStrings } from '../../tensors/memory';
import { decodeText } from '../../tensors/text';
import { setNumbers } from '../../protobuf/set-numbers';
import { readStrings } from '../bytes';
import { match, shapesOf, type Matched } from '../feed';
import type { ContentsInput, ModelInferRequest } from './request';

/** The field of InferTensorContents that has an element type's values; FP16 and BF16 come only raw. */
const fields: Readonly<Partial<Record<ElementType, string>>> = {
  bool: 'bool_contents',
  int8: 'int_contents',
  int16: 'int_contents',
  int32: 'int_contents',
  int64: 'int64_contents',
  uint8: 'uint_contents',
  uint16: 'uint_contents',
  uint32: 'uint_contents',
  uint64: 'uint64_contents',
  float32: 'fp32_contents',
  float64: 'fp64_contents',
  string: 'bytes_contents',
};

/**
 * Leases memory for a request and puts its inputs there: all raw, or all typed. What the request says of
 * sizes has been compared with what it has before anything is allocated.
 *
 * @throws RequestError 400, naming the path of what is wrong
 */
export function feedContents(
  model: ServedModel,
  signature: Signature,
  { inputs, raw }: ModelInferRequest,
): Lease {
  const matched = inputs.map((input, index) => matchInput(model, signature, input, index));
  const shapes = shapesOf(signature, matched);
  const isRaw = raw.length > 0;
  if (isRaw && raw.length !== inputs.length) {
    throw badRequest(
      'raw_input_contents',
      `expected one for each of ${inputs.length} inputs, got ${raw.length}`,
    );
  }
  for (const [index, each] of matched.entries()) {
    const { contents } = inputs[index] ?? {};
    if (!isRaw) checkContents(each, contents);
    else if (contents === undefined) checkRaw(each, raw[index]?.length ?? 0, index);
    else throw badRequest(`${each.path}.contents`, 'has no place beside raw_input_contents');
  }
  const lease = model.lease(signature, shapes);
  try {
    for (const [index, each] of matched.entries()) {
      const tensor = lease.input(each.index);
      const bytes = raw[index];
      if (bytes === undefined) writeContents(each, tensor, inputs[index]?.contents);
      else writeRaw(each, tensor, bytes, `raw_input_contents[${index}]`);
    }
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}

function matchInput(
  model: ServedModel,
  signature: Signature,
  { name, datatype, shape }: ContentsInput,
  index: number,
): Matched {
  const path = `inputs[${index}]`;
  if (shape.length > 64) throw badRequest(`${path}.shape`, 'expected 64 dimensions at most');
  const wrong = shape.findIndex((dim) => dim < 0 || !Number.isSafeInteger(dim));
  if (wrong >= 0) {
    throw badRequest(
      `${path}.shape[${wrong}]`,
      `expected a whole number of at least 0, got ${shape[wrong]}`,
    );
  }
  const input = { name, datatype, shape, binarySize: undefined, data: undefined };
  return match(model, signature, input, path);
}

function checkRaw({ input, metadata, count }: Matched, size: number, index: number): void {
  const bytes = elementBytes(metadata.type);
  if (bytes === undefined ? count * 4 <= size : count * bytes === size) return;
  const expected = bytes === undefined ? `at least ${count * 4}` : String(count * bytes);
  throw badRequest(
    `raw_input_contents[${index}]`,
    `expected ${expected} bytes for the shape [${input.shape.join(',')}], got ${size}`,
  );
}

function checkContents(
  { input, metadata, path, count }: Matched,
  contents: ContentsInput['contents'],
): void {
  const field = fields[metadata.type];
  if (field === undefined) {
    throw badRequest(
      path,
      `${input.datatype} has no typed contents: send it in raw_input_contents`,
    );
  }
  const found = new Map<string, number>();
  for (const [name, { length }] of contents?.numbers ?? []) if (length > 0) found.set(name, length);
  const strings = contents?.bytes.length ?? 0;
  if (strings > 0) found.set('bytes_contents', strings);
  const other = [...found.keys()].find((name) => name !== field);
  if (other !== undefined) {
    throw badRequest(`${path}.contents.${other}`, `expected ${field} for ${input.datatype}`);
  }
  const got = found.get(field) ?? 0;
  if (got === count) return;
  throw badRequest(
    `${path}.contents.${field}`,
    `expected ${count} elements for the shape [${input.shape.join(',')}], got ${got}`,
  );
}

function writeRaw({ metadata, count }: Matched, tensor: Tensor, bytes: Buffer, path: string): void {
  if (metadata.type === 'string') {
    setStrings(tensor, readStrings(bytes, count, path));
    return;
  }
  if (metadata.type === 'bool') checkBooleans(bytes, path);
  bytesOf(tensor).set(bytes);
}

function writeContents(
  { metadata, path }: Matched,
  tensor: Tensor,
  contents: ContentsInput['contents'],
): void {
  const field = fields[metadata.type] ?? '';
  const where = `${path}.contents.${field}`;
  if (metadata.type === 'string') {
    const texts = contents?.bytes.map((bytes, index) => decodeText(bytes, `${where}[${index}]`));
    setStrings(tensor, texts ?? []);
    return;
  }
  const list = contents?.numbers.get(field);
  if (list !== undefined) setNumbers(tensor.data as unknown as NumberArray, list.numbers, where);
}
