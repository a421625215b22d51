import type { Field, ScalarKind, Schema } from './schema';
import type { StableFile } from './stable-file';
import type { TensorProto, UnknownField } from './types';
import { DecodeError, WireReader } from './wire-reader';
import { WIRE_TYPE } from './wire-type';

/** Protobuf's own limit for nested messages; deeper files are hostile. */
const MAX_DEPTH = 100;

type Fields = Record<string, unknown>;

function readScalar(reader: WireReader, kind: ScalarKind, name: string): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'bytes':
    case 'data':
      return reader.bytes();
    case 'float':
      return reader.float();
    case 'double':
      return reader.double();
    case 'int32':
      return reader.int32();
    case 'count':
      return reader.count(name);
    case 'int64':
      return reader.int64();
    case 'uint64':
      return reader.uint64();
  }
}

/** Undefined for kinds that no field declares as packed. */
function readPacked(reader: WireReader, kind: ScalarKind): ArrayLike<unknown> | undefined {
  switch (kind) {
    case 'float':
      return reader.packedFloats();
    case 'double':
      return reader.packedDoubles();
    case 'int32':
      return reader.packedInt32();
    case 'int64':
      return reader.packedInt64();
    case 'uint64':
      return reader.packedUint64();
    default:
      return undefined;
  }
}

function readUnknown(reader: WireReader, id: number, wireType: number): UnknownField {
  switch (wireType) {
    case 0:
      return { id, wireType, value: reader.uint64() };
    case 1:
      return { id, wireType, value: reader.bytes(8) };
    case 5:
      return { id, wireType, value: reader.bytes(4) };
    case 2:
      return { id, wireType, value: reader.bytes() };
    default:
      // Groups are not part of any ONNX version.
      throw new DecodeError(`field ${id} has wire type ${wireType}`);
  }
}

/** The list to append to: a typed array, of one packed block, cannot grow. */
function growingList(target: Fields, name: string): unknown[] {
  const list = target[name] as ArrayLike<unknown>;
  if (Array.isArray(list)) return list;
  const copy = Array.from(list);
  target[name] = copy;
  return copy;
}

function readPackedField(reader: WireReader, field: Field, target: Fields): void {
  const kind = field.kind as ScalarKind;
  const isFirst = (target[field.name] as ArrayLike<unknown>).length === 0;
  const values = field.packed && isFirst ? readPacked(reader, kind) : undefined;
  if (values) {
    target[field.name] = values;
    return;
  }
  const list = growingList(target, field.name);
  const end = reader.enter();
  while (reader.left > 0) list.push(readScalar(reader, kind, field.name));
  reader.leave(end);
}

/** The last of several counts, as for every singular field. */
function readData(reader: WireReader, tensor: Partial<TensorProto>): void {
  delete tensor.rawData;
  delete tensor.source;
  const data = reader.data();
  if (data instanceof Uint8Array) tensor.rawData = data;
  else tensor.source = data;
}

function readField(
  reader: WireReader,
  field: Field,
  wireType: number,
  target: Fields,
  depth: number,
): void {
  const { kind, name } = field;
  const expected = typeof kind === 'function' ? 2 : WIRE_TYPE[kind];
  if (wireType !== expected) {
    if (wireType !== 2 || !field.repeated) {
      throw new DecodeError(`${name} has wire type ${wireType}`);
    }
    readPackedField(reader, field, target);
  } else if (kind === 'data') {
    readData(reader, target);
  } else {
    const value =
      typeof kind === 'function'
        ? readSubmessage(reader, kind(), depth + 1)
        : readScalar(reader, kind, name);
    if (field.repeated) growingList(target, name).push(value);
    else target[name] = value;
  }
}

function readSubmessage(reader: WireReader, schema: Schema, depth: number): Fields {
  const end = reader.enter();
  const value = readMessage(reader, schema, depth);
  reader.leave(end);
  return value;
}

function readMessage(reader: WireReader, schema: Schema, depth: number): Fields {
  if (depth > MAX_DEPTH) throw new DecodeError('messages are nested too deeply');
  const target: Fields = {};
  for (const field of schema.fields) if (field.repeated) target[field.name] = [];
  while (reader.left > 0) {
    const { id, wireType } = reader.tag();
    const field = schema.byId.get(id);
    if (field) {
      readField(reader, field, wireType, target, depth);
    } else {
      const unknown = readUnknown(reader, id, wireType);
      ((target.unknownFields ??= []) as UnknownField[]).push(unknown);
    }
  }
  return target;
}

/**
 * Reads one message. Byte fields are views of bytes in memory and copies of a file's, in which large
 * data stay. When a singular message field occurs twice the last one counts (ONNX writers never
 * split a message).
 *
 * @throws {DecodeError} when the bytes are not such a message; OnliteError ERR_MODEL_UNREADABLE
 */
export function decode(schema: Schema, input: Uint8Array | StableFile): Fields {
  return readMessage(new WireReader(input), schema, 0);
}
