import { NumberList, type ListKind } from '../../protobuf/numbers';
import { ProtobufReader, Wire, fieldsOf } from '../../protobuf/reader';

/** A value of InferParameter. */
export type Parameter = string | number | bigint | boolean;
export type Parameters = ReadonlyMap<string, Parameter>;

/** Typed values of a tensor, by the name of their field: all but BYTES are numbers. */
export interface Contents {
  readonly numbers: ReadonlyMap<string, NumberList>;
  readonly bytes: readonly Buffer[];
}

/** InferInputTensor. */
export interface ContentsInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: Parameters;
  readonly contents: Contents | undefined;
}

/** InferRequestedOutputTensor. */
export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

/** ModelInferRequest, by itself: no model has looked at it yet. Its bytes are those of the call. */
export interface ModelInferRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: readonly ContentsInput[];
  readonly outputs: readonly RequestedOutput[];
  readonly raw: readonly Buffer[];
}

const requestFields = fieldsOf({
  1: Wire.bytes,
  2: Wire.bytes,
  3: Wire.bytes,
  4: Wire.bytes,
  5: Wire.bytes,
  6: Wire.bytes,
  7: Wire.bytes,
});

/** @throws ProtobufError */
export function readModelInfer(bytes: Buffer): ModelInferRequest {
  const reader = new ProtobufReader(bytes);
  let model = '';
  let version = '';
  let id = '';
  const parameters = new Map<string, Parameter>();
  const inputs: ContentsInput[] = [];
  const outputs: RequestedOutput[] = [];
  const raw: Buffer[] = [];
  while (reader.next(requestFields)) {
    switch (reader.field) {
      case 1:
        model = reader.string();
        break;
      case 2:
        version = reader.string();
        break;
      case 3:
        id = reader.string();
        break;
      case 4:
        readParameter(reader.message(), parameters);
        break;
      case 5:
        inputs.push(readInput(reader.message()));
        break;
      case 6:
        outputs.push(readOutput(reader.message()));
        break;
      default:
        raw.push(reader.bytes());
    }
  }
  return { model, version, id, parameters, inputs, outputs, raw };
}

const inputFields = fieldsOf({
  1: Wire.bytes,
  2: Wire.bytes,
  3: Wire.varints,
  4: Wire.bytes,
  5: Wire.bytes,
});

function readInput(reader: ProtobufReader): ContentsInput {
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  const parameters = new Map<string, Parameter>();
  let contents: { numbers: Map<string, NumberList>; bytes: Buffer[] } | undefined;
  while (reader.next(inputFields)) {
    switch (reader.field) {
      case 1:
        name = reader.string();
        break;
      case 2:
        datatype = reader.string();
        break;
      case 3:
        reader.int64s(shape);
        break;
      case 4:
        readParameter(reader.message(), parameters);
        break;
      default:
        contents ??= { numbers: new Map(), bytes: [] };
        readContents(reader.message(), contents.numbers, contents.bytes);
    }
  }
  return { name, datatype, shape, parameters, contents };
}

/** Names and kinds of InferTensorContents' fields, by number. */
const contentKinds: readonly (readonly [name: string, kind: ListKind] | undefined)[] = [
  undefined,
  ['bool_contents', 'bool'],
  ['int_contents', 'int32'],
  ['int64_contents', 'int64'],
  ['uint_contents', 'uint32'],
  ['uint64_contents', 'uint64'],
  ['fp32_contents', 'float'],
  ['fp64_contents', 'double'],
];

const contentFields = fieldsOf({
  1: Wire.varints,
  2: Wire.varints,
  3: Wire.varints,
  4: Wire.varints,
  5: Wire.varints,
  6: Wire.fixed32s,
  7: Wire.fixed64s,
  8: Wire.bytes,
});

function readContents(
  reader: ProtobufReader,
  numbers: Map<string, NumberList>,
  bytes: Buffer[],
): void {
  while (reader.next(contentFields)) {
    const found = contentKinds[reader.field];
    if (found === undefined) {
      bytes.push(reader.bytes());
      continue;
    }
    const [name, kind] = found;
    let list = numbers.get(name);
    if (list === undefined) {
      list = new NumberList(kind);
      numbers.set(name, list);
    }
    list.read(reader);
  }
}

const outputFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes });

function readOutput(reader: ProtobufReader): RequestedOutput {
  let name = '';
  const parameters = new Map<string, Parameter>();
  while (reader.next(outputFields)) {
    if (reader.field === 1) name = reader.string();
    else readParameter(reader.message(), parameters);
  }
  return { name, parameters };
}

const entryFields = fieldsOf({ 1: Wire.bytes, 2: Wire.bytes });
const valueFields = fieldsOf({
  1: Wire.varint,
  2: Wire.varint,
  3: Wire.bytes,
  4: Wire.fixed64,
  5: Wire.varint,
});

/** An entry of a map of parameters; one whose value is of no known kind is left out. */
function readParameter(entry: ProtobufReader, parameters: Map<string, Parameter>): void {
  let key = '';
  let value: Parameter | undefined;
  while (entry.next(entryFields)) {
    if (entry.field === 1) key = entry.string();
    else value = readValue(entry.message());
  }
  if (value !== undefined) parameters.set(key, value);
}

function readValue(reader: ProtobufReader): Parameter | undefined {
  let value: Parameter | undefined;
  while (reader.next(valueFields)) {
    switch (reader.field) {
      case 1:
        value = reader.bool();
        break;
      case 2:
        value = reader.int64Exact();
        break;
      case 3:
        value = reader.string();
        break;
      case 4:
        value = reader.double();
        break;
      default:
        value = reader.uint64Exact();
    }
  }
  return value;
}
