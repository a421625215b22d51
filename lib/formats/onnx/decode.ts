import { Reader } from 'protobufjs/minimal';

import type { Field, ScalarKind, Schema } from './schema';
import type { UnknownField } from './types';

/** Protobuf's own limit for nested messages; deeper files are hostile. */
const MAX_DEPTH = 100;

type Fields = Record<string, unknown>;

/** Why bytes are not a message; the caller says which file it was. */
class DecodeError extends Error {}

const WIRE_TYPE: Record<ScalarKind, 0 | 1 | 2 | 5> = {
  string: 2,
  bytes: 2,
  float: 5,
  double: 1,
  int32: 0,
  count: 0,
  int64: 0,
  uint64: 0,
};

/** Protobufjs gives a Long, or a number where the `long` package is missing. */
function toBigInt(value: unknown): bigint {
  if (typeof value === 'number') return BigInt(value);
  const { high, low } = value as { high: number; low: number };
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function readCount(reader: Reader, field: Field): number {
  const value = toBigInt(reader.int64());
  const asNumber = Number(value);
  if (!Number.isSafeInteger(asNumber)) {
    throw new DecodeError(`${field.name}: ${value} is out of range`);
  }
  return asNumber;
}

function readScalar(reader: Reader, kind: ScalarKind, field: Field): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes();
    case 'float':
      return reader.float();
    case 'double':
      return reader.double();
    case 'int32':
      return reader.int32();
    case 'count':
      return readCount(reader, field);
    case 'int64':
      return BigInt.asIntN(64, toBigInt(reader.int64()));
    case 'uint64':
      return BigInt.asUintN(64, toBigInt(reader.uint64()));
  }
}

function readLength(reader: Reader, end: number): number {
  const stop = reader.uint32() + reader.pos;
  if (stop > end) throw new DecodeError(`a field ends ${stop - end} bytes too late`);
  return stop;
}

function readUnknown(reader: Reader, id: number, wireType: number): UnknownField | undefined {
  switch (wireType) {
    case 0:
      return { id, wireType, value: BigInt.asUintN(64, toBigInt(reader.uint64())) };
    case 1:
    case 5: {
      const start = reader.pos;
      reader.skip(wireType === 1 ? 8 : 4);
      return { id, wireType, value: reader.buf.subarray(start, reader.pos) };
    }
    case 2:
      return { id, wireType, value: reader.bytes() };
    default:
      // Groups are not part of any ONNX version.
      throw new DecodeError(`field ${id} has wire type ${wireType}`);
  }
}

function readField(
  reader: Reader,
  end: number,
  field: Field,
  wireType: number,
  target: Fields,
  depth: number,
): void {
  const { kind } = field;
  if (typeof kind === 'function') {
    if (wireType !== 2) throw new DecodeError(`${field.name} is not a message`);
    const value = readMessage(reader, readLength(reader, end), kind(), depth + 1);
    if (field.repeated) (target[field.name] as unknown[]).push(value);
    else target[field.name] = value;
    return;
  }
  if (wireType === WIRE_TYPE[kind]) {
    const value = readScalar(reader, kind, field);
    if (field.repeated) (target[field.name] as unknown[]).push(value);
    else target[field.name] = value;
    return;
  }
  if (wireType !== 2 || !field.repeated) {
    throw new DecodeError(`${field.name} has wire type ${wireType}`);
  }
  const stop = readLength(reader, end);
  const list = target[field.name] as unknown[];
  while (reader.pos < stop) list.push(readScalar(reader, kind, field));
  if (reader.pos !== stop) throw new DecodeError(`${field.name} is cut in the middle of a value`);
}

function readMessage(reader: Reader, end: number, schema: Schema, depth: number): Fields {
  if (depth > MAX_DEPTH) throw new DecodeError('messages are nested too deeply');
  const target: Fields = {};
  for (const field of schema.fields) if (field.repeated) target[field.name] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    const id = tag >>> 3;
    const wireType = tag & 7;
    if (id === 0) throw new DecodeError(`${schema.name}: field number 0`);
    const field = schema.byId.get(id);
    if (field) {
      readField(reader, end, field, wireType, target, depth);
    } else {
      const unknown = readUnknown(reader, id, wireType);
      if (unknown) ((target.unknownFields ??= []) as UnknownField[]).push(unknown);
    }
  }
  if (reader.pos !== end) throw new DecodeError(`${schema.name} is cut in the middle of a field`);
  return target;
}

/**
 * Reads one message. Byte fields are views of `bytes`. When a singular message field occurs twice
 * the last one counts (ONNX writers never split a message).
 *
 * @throws {DecodeError} or protobufjs's RangeError/Error when the bytes are not such a message.
 */
export function decode(schema: Schema, bytes: Uint8Array): Fields {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readMessage(Reader.create(buffer), buffer.length, schema, 0);
}
