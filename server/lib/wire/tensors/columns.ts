import type { TensorValueMetadata } from 'onlite';

import { checkShape, type Lease, type ServedModel, type Signature } from '../../models';
import { badRequest } from '../errors';
import type { JsonReader } from '../json/reader';
import { Values, isBase64, type ValueRules } from './values';

/** What a request gives for an input. */
export interface Column {
  readonly shape: readonly number[];
  readonly values: Values;
  /** What it is called in errors. */
  readonly path: string;
}

/** Inputs by their position in the signature. */
export type Columns = ReadonlyMap<number, Column>;

/** The only input of a signature. @throws RequestError 400 if there are others */
export function onlyInput({ inputs }: Signature, path: string): TensorValueMetadata {
  const [input, second] = inputs;
  if (input !== undefined && second === undefined) return input;
  const names = inputs.map(({ name }) => name).join(', ');
  throw badRequest(path, `expected objects with the inputs by name: ${names}`);
}

/**
 * Reads whole tensors: by the names of the inputs (others are ignored), or the value of the only one.
 *
 * @throws RequestError 400, naming the path of what is wrong
 */
export function readColumns(reader: JsonReader, signature: Signature, rules: ValueRules): Columns {
  const columns = new Map<number, Column>();
  const read = (index: number, { type }: TensorValueMetadata) => {
    const { path } = reader;
    const values = new Values(type, rules);
    columns.set(index, { shape: values.read(reader), values, path });
  };
  if (reader.kind() !== 'object' || isBase64(reader)) {
    read(0, onlyInput(signature, reader.path));
    return columns;
  }
  reader.object((key) => {
    const index = signature.inputIndex.get(key);
    const input = index === undefined ? undefined : signature.inputs[index];
    if (index === undefined || input === undefined) reader.skip();
    else read(index, input);
  });
  return columns;
}

/**
 * Reads an array with one element a row: values of the only input, or objects with all inputs by name.
 * Rows are joined along a first dimension.
 *
 * @throws RequestError 400, naming the path of what is wrong
 */
export function readRows(reader: JsonReader, signature: Signature, rules: ValueRules): Columns {
  const { path } = reader;
  const isNamed = startsWithNames(reader);
  if (!isNamed) {
    const values = new Values(onlyInput(signature, path).type, rules);
    const shape = values.read(reader);
    if (shape.length === 0 || shape[0] === 0)
      throw badRequest(path, 'expected an array with elements');
    return new Map([[0, { shape, values, path }]]);
  }
  const { inputs, inputIndex } = signature;
  const collected = inputs.map(({ type }) => new Values(type, rules));
  const shapes = new Array<readonly number[] | undefined>(inputs.length).fill(undefined);
  let rows = 0;
  reader.array(() => {
    const row = reader.path;
    const seen = new Set<number>();
    reader.object((key) => {
      const index = inputIndex.get(key);
      const values = index === undefined ? undefined : collected[index];
      if (index === undefined || values === undefined || seen.has(index)) {
        const names = [...inputIndex.keys()].join(', ');
        throw badRequest(row, `expected the keys ${names}, each once, got '${key}'`);
      }
      seen.add(index);
      const shape = values.read(reader);
      const before = (shapes[index] ??= shape);
      if (before.join() === shape.join()) return;
      throw badRequest(
        reader.path,
        `expected the shape [${before.join(',')}] of the rows before, got [${shape.join(',')}]`,
      );
    });
    if (seen.size !== inputs.length) {
      const missing = inputs.find(({ name }) => !seen.has(inputIndex.get(name) ?? -1));
      throw badRequest(row, `'${missing?.name}' is missing`);
    }
    rows++;
  });
  const columns = new Map<number, Column>();
  for (const [index, values] of collected.entries()) {
    const shape = [rows, ...(shapes[index] ?? [])];
    columns.set(index, { shape, values, path: `${path}[*].${inputs[index]?.name}` });
  }
  return columns;
}

/** Whether the first element of an array is an object of names; an empty one is refused. */
function startsWithNames(reader: JsonReader): boolean {
  if (reader.kind() !== 'array') throw reader.fail('an array');
  const { position } = reader;
  reader.position++;
  const isNamed = reader.kind() === 'object' && !isBase64(reader);
  reader.position = position;
  return isNamed;
}

/**
 * Leases memory for what a request has and puts it there.
 *
 * @throws RequestError 400 for an input that is missing or does not fit the model
 */
export function leaseColumns(model: ServedModel, signature: Signature, columns: Columns): Lease {
  const shapes = signature.inputs.map((input, index) => {
    const column = columns.get(index);
    if (column !== undefined) {
      checkShape(input, column.shape, column.path, model.isFixed);
      return column.shape;
    }
    if (input.optional === true) return undefined;
    throw badRequest('inputs', `'${input.name}' is missing`);
  });
  const lease = model.lease(signature, shapes);
  try {
    for (const [index, { values }] of columns) values.writeTo(lease.input(index));
    return lease;
  } catch (error) {
    lease.release();
    throw error;
  }
}
