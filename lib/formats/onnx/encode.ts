import { Writer } from 'protobufjs/minimal';

import type { Field, ScalarKind, Schema } from './schema';
import type { Message, UnknownField } from './types';

type Fields = Record<string, unknown>;

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

/** Protobufjs takes a number where it is exact, else a decimal string. */
function varint(value: bigint): number | string {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value.toString();
}

function writeScalar(writer: Writer, kind: ScalarKind, value: unknown): void {
  switch (kind) {
    case 'string':
      writer.string(value as string);
      break;
    case 'bytes':
      writer.bytes(value as Uint8Array);
      break;
    case 'float':
      writer.float(value as number);
      break;
    case 'double':
      writer.double(value as number);
      break;
    case 'int32':
      writer.int32(value as number);
      break;
    case 'count':
      writer.int64(value as number);
      break;
    case 'int64':
      writer.int64(varint(BigInt.asIntN(64, value as bigint)));
      break;
    case 'uint64':
      writer.uint64(varint(BigInt.asUintN(64, value as bigint)));
      break;
  }
}

function writeOne(writer: Writer, field: Field, value: unknown): void {
  const { id, kind } = field;
  if (typeof kind === 'function') {
    writer.uint32((id << 3) | 2).fork();
    writeMessage(writer, kind(), value as Fields);
    writer.ldelim();
  } else {
    writer.uint32((id << 3) | WIRE_TYPE[kind]);
    writeScalar(writer, kind, value);
  }
}

function writeUnknown(writer: Writer, { id, wireType, value }: UnknownField): void {
  writer.uint32(((id << 3) | wireType) >>> 0);
  if (typeof value === 'bigint') {
    writer.uint64(varint(value));
  } else if (wireType === 2) {
    writer.bytes(value);
  } else {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let at = 0; at < value.byteLength; at += 4) writer.fixed32(view.getUint32(at, true));
  }
}

function writeMessage(writer: Writer, schema: Schema, fields: Fields): void {
  for (const field of schema.fields) {
    const value = fields[field.name];
    if (value === undefined) continue;
    if (!field.repeated) {
      writeOne(writer, field, value);
      continue;
    }
    const list = value as unknown[];
    if (field.packed && list.length > 0) {
      writer.uint32((field.id << 3) | 2).fork();
      for (const item of list) writeScalar(writer, field.kind as ScalarKind, item);
      writer.ldelim();
    } else {
      for (const item of list) writeOne(writer, field, item);
    }
  }
  for (const unknown of (fields as Message).unknownFields ?? []) writeUnknown(writer, unknown);
}

/** Writes one message: known fields in the order of their numbers, then the unknown ones. */
export function encode(schema: Schema, message: object): Uint8Array {
  const writer = Writer.create();
  writeMessage(writer, schema, message as Fields);
  return writer.finish();
}
