import type { Tensor, TensorValueMetadata } from 'onlite';

import type { Lease, ServedModel, Signature } from '../../models';
import { badRequest } from '../errors';
import { isNumberType, type NonFinite } from '../json/numbers';
import { JsonReader } from '../json/reader';
import { JSON_TYPE, type WireAnswer, type WireRequest } from '../request';
import { leaseColumns, type Column } from '../tensors/columns';
import { printElements } from '../tensors/print';
import { Values, isBase64 } from '../tensors/values';
import { readKeys } from './predict';

/** A feature as tf.Example has it: a list of one kind of values. */
export interface Feature {
  readonly kind: 'whole' | 'float' | 'bytes';
  readonly values: readonly (bigint | number | string)[];
  readonly path: string;
}

export type Example = ReadonlyMap<string, Feature>;

/** `:classify` and `:regress`: features by name, a list of examples, an answer for each. */
export async function answerExamples(
  model: ServedModel,
  { body, caller }: WireRequest,
  print: (lease: Lease, nonFinite: NonFinite) => string[],
  nonFinite: NonFinite,
): Promise<WireAnswer> {
  const json = body.bytes();
  const { spans, signatureName } = readKeys(json, ['examples', 'context']);
  const span = spans.get('examples');
  if (span === undefined) throw badRequest('', "expected 'examples', a list");
  const signature = model.signature(signatureName);
  const context = spans.get('context');
  const shared: Example =
    context === undefined ? new Map() : readExample(new JsonReader(json, { span: context }));
  const reader = new JsonReader(json, { span });
  const examples: Example[] = [];
  reader.array(() => examples.push(readExample(reader)));
  reader.finish();
  const lease = leaseExamples(model, signature, examples, shared);
  try {
    await lease.run(caller);
    const text = `{\n    "results": [${print(lease, nonFinite).join(', ')}]\n}`;
    return { status: 200, type: JSON_TYPE, body: text };
  } finally {
    lease.release();
  }
}

/**
 * Leases memory for examples and puts their features there; those of the context are every example's.
 *
 * @throws RequestError 400 for what is missing or does not fit the model
 */
export function leaseExamples(
  model: ServedModel,
  signature: Signature,
  examples: readonly Example[],
  context: Example,
): Lease {
  if (examples.length === 0) throw badRequest('examples', 'expected a list with elements');
  const columns = new Map<number, Column>();
  for (const [index, input] of signature.inputs.entries()) {
    columns.set(index, columnOf(input, examples, context));
  }
  return leaseColumns(model, signature, columns);
}

function readExample(reader: JsonReader): Example {
  const features = new Map<string, Feature>();
  reader.object((key) => {
    features.set(key, readFeature(reader));
  });
  return features;
}

function readFeature(reader: JsonReader): Feature {
  const { path } = reader;
  const values: (bigint | number | string)[] = [];
  let kind: Feature['kind'] | undefined;
  const read = () => {
    const [of, value] = readValue(reader);
    if (kind !== undefined && kind !== of) {
      throw badRequest(path, 'expected values of one kind, not whole numbers among others');
    }
    kind = of;
    values.push(value);
  };
  if (reader.kind() === 'array') reader.array(read);
  else read();
  return { kind: kind ?? 'float', values, path };
}

function readValue(reader: JsonReader): [Feature['kind'], bigint | number | string] {
  switch (reader.kind()) {
    case 'boolean':
      return ['whole', reader.boolean() ? 1n : 0n];
    case 'string':
      return ['bytes', reader.string()];
    case 'object': {
      if (!isBase64(reader)) throw reader.fail('a value or {"b64": …}');
      return ['bytes', readBytes(reader)];
    }
    case 'number':
      return readNumber(reader);
    default:
      throw reader.fail('a number, a string, true, false or {"b64": …}');
  }
}

function readBytes(reader: JsonReader): string {
  const values = new Values('string', { base64: true });
  values.read(reader);
  return values.texts[0] ?? '';
}

function readNumber(reader: JsonReader): [Feature['kind'], bigint | number] {
  const { position } = reader;
  const value = reader.number();
  const text = reader.bytes.toString('latin1', position, reader.position);
  if (!/^-?\d+$/.test(text)) return ['float', value];
  const exact = text.length > 20 ? undefined : BigInt(text);
  if (exact === undefined || BigInt.asIntN(64, exact) !== exact) {
    throw reader.fail('a number that an int64 can hold', position);
  }
  return ['whole', exact];
}

/** The features of one name, one row an example. */
function columnOf(
  input: TensorValueMetadata,
  examples: readonly Example[],
  context: Example,
): Column {
  const { name, type } = input;
  const values = new Values(type);
  let size: number | undefined;
  for (const [row, example] of examples.entries()) {
    const feature = example.get(name) ?? context.get(name);
    if (feature === undefined)
      throw badRequest(`examples[${row}]`, `the feature '${name}' is missing`);
    size ??= feature.values.length;
    if (feature.values.length !== size) {
      throw badRequest(
        feature.path,
        `expected ${size} values as in the examples before, got ${feature.values.length}`,
      );
    }
    for (const value of feature.values) values.add(converted(value, feature, type));
  }
  const isFlat = input.shape.length === 1 && size === 1;
  const shape = isFlat ? [examples.length] : [examples.length, size ?? 0];
  return { shape, values, path: `examples[*].${name}` };
}

function converted(
  value: bigint | number | string,
  { kind, path }: Feature,
  type: TensorValueMetadata['type'],
): bigint | number | string {
  if (type === 'string' && kind === 'bytes') return value;
  if ((type === 'float32' || type === 'float64') && kind !== 'bytes') return Number(value);
  if (typeof value === 'bigint' && type === 'bool' && (value === 0n || value === 1n)) {
    return Number(value);
  }
  if (typeof value === 'bigint' && isNumberType(type)) {
    if (type === 'int64') return value;
    if (type === 'uint64' && value >= 0n) return value;
    const bits = Number(/\d+$/.exec(type)?.[0]);
    const wrapped = type.startsWith('u') ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
    if (wrapped === value && bits < 64) return Number(value);
  }
  throw badRequest(
    path,
    `expected values for ${type}, got ${kind === 'bytes' ? 'strings' : `${kind} numbers such as ${value}`}`,
  );
}

const isFloat = ({ type }: TensorValueMetadata): boolean =>
  type === 'float32' || type === 'float64';

/** What examples have been classified as. */
export interface Classes {
  /** An element a row and class. */
  readonly tensor: Tensor;
  readonly labels: readonly string[] | undefined;
  readonly rows: number;
  readonly classes: number;
}

/** Of the outputs `classes` and `scores`, or of the only one of floats. */
export function classesOf(lease: Lease): Classes {
  const { outputs } = lease.signature;
  const scores = outputs.findIndex(({ name }) => name === 'scores');
  const index = scores >= 0 ? scores : onlyFloat(lease.signature, 'classify');
  const tensor = rowsOf(lease, index);
  const [rows = 0, classes = 1] = tensor.dims;
  return { tensor, labels: labelsOf(lease, tensor.dims), rows, classes };
}

/** Pairs of label and score for each example. */
export function printClasses(lease: Lease, nonFinite: NonFinite): string[] {
  const { tensor, labels, rows, classes } = classesOf(lease);
  const printed = printElements(tensor, 'scores', { form: 'tensorflow', nonFinite });
  return Array.from({ length: rows }, (_, row) => {
    const pairs = Array.from({ length: classes }, (__, column) => {
      const position = row * classes + column;
      return `[${JSON.stringify(labels?.[position] ?? '')}, ${printed[position]}]`;
    });
    return `[${pairs.join(', ')}]`;
  });
}

function labelsOf(lease: Lease, dims: readonly number[]): readonly string[] | undefined {
  const index = lease.signature.outputs.findIndex(
    ({ name, type }) => name === 'classes' && type === 'string',
  );
  const { classLabels } = lease.model.serving;
  if (index < 0) return classLabels && repeated(classLabels, dims);
  const tensor = lease.output(index);
  return tensor.dims.join() === dims.join() ? (tensor.data as unknown as string[]) : undefined;
}

/** The configuration's labels, for each row. */
function repeated(labels: readonly string[], dims: readonly number[]): readonly string[] {
  const [rows = 0, classes = 1] = dims;
  return Array.from({ length: rows * classes }, (_, position) => labels[position % classes] ?? '');
}

/** A number for each example: of the output `outputs`, or of the only one of floats. */
export function numbersOf(lease: Lease): Tensor {
  const named = lease.signature.outputs.findIndex(({ name }) => name === 'outputs');
  const index = named >= 0 ? named : onlyFloat(lease.signature, 'regress');
  const tensor = rowsOf(lease, index);
  const [rows = 0] = tensor.dims;
  if (tensor.size !== rows) {
    throw badRequest(
      '',
      `regress is for a model of one number a row, this has [${tensor.dims.join(',')}]`,
    );
  }
  return tensor;
}

export function printNumbers(lease: Lease, nonFinite: NonFinite): string[] {
  return printElements(numbersOf(lease), 'outputs', { form: 'tensorflow', nonFinite });
}

function onlyFloat({ outputs }: Signature, what: string): number {
  const floats = outputs.flatMap((output, index) => (isFloat(output) ? [index] : []));
  const [index, second] = floats;
  if (index !== undefined && second === undefined) return index;
  throw badRequest('', `the model has no one output of floats to ${what} by: use predict`);
}

function rowsOf(lease: Lease, index: number): Tensor {
  const tensor = lease.output(index);
  if (tensor.dims.length === 1 || tensor.dims.length === 2) return tensor;
  throw badRequest(
    '',
    `expected an output of one or two dimensions, got [${tensor.dims.join(',')}]`,
  );
}
