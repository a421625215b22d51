import type { Field, ScalarKind, Schema } from './schema';
import type { Segment } from './source';
import type { Message, TensorProto, UnknownField } from './types';
import { WIRE_TYPE } from './wire-type';
import { WireWriter } from './wire-writer';

type Fields = Record<string, unknown>;

/** Messages that are written in other messages' place. */
export type Substitutes = ReadonlyMap<object, object>;

function writeLengthDelimited(writer: WireWriter, write: () => void): void {
  const before = writer.byteLength;
  write();
  writer.varint(writer.byteLength - before);
}

function writeScalar(writer: WireWriter, kind: ScalarKind, value: unknown): void {
  switch (kind) {
    case 'string':
      writeLengthDelimited(writer, () => writer.string(value as string));
      break;
    case 'bytes':
    case 'data':
      writeLengthDelimited(writer, () => writer.bytes(value as Segment));
      break;
    case 'float':
      writer.float(value as number);
      break;
    case 'double':
      writer.double(value as number);
      break;
    default:
      writer.integer(value as number | bigint);
  }
}

/** Floating-point values are in memory as they are in the file. */
function writePacked(writer: WireWriter, kind: ScalarKind, list: ArrayLike<unknown>): void {
  if (list instanceof Float32Array || list instanceof Float64Array) {
    writer.bytes(new Uint8Array(list.buffer, list.byteOffset, list.byteLength));
    return;
  }
  for (let index = list.length - 1; index >= 0; index--) writeScalar(writer, kind, list[index]);
}

function writeUnknown(writer: WireWriter, { id, wireType, value }: UnknownField): void {
  if (typeof value === 'bigint') writer.integer(value);
  else if (wireType === 2) writeScalar(writer, 'bytes', value);
  else writer.bytes(value);
  writer.tag(id, wireType);
}

class Encoder {
  readonly writer = new WireWriter();

  constructor(private readonly substitutes: Substitutes | undefined) {}

  message(schema: Schema, message: object): void {
    const fields = (this.substitutes?.get(message) ?? message) as Fields;
    const unknown = (fields as Message).unknownFields ?? [];
    for (const field of [...unknown].reverse()) writeUnknown(this.writer, field);
    for (const field of schema.backwards) this.field(field, fields);
  }

  private field(field: Field, fields: Fields): void {
    const value = field.kind === 'data' ? dataOf(fields) : fields[field.name];
    if (value === undefined) return;
    if (!field.repeated) {
      this.value(field, value);
      return;
    }
    const list = value as ArrayLike<unknown>;
    if (field.packed && list.length > 0) {
      writeLengthDelimited(this.writer, () => {
        writePacked(this.writer, field.kind as ScalarKind, list);
      });
      this.writer.tag(field.id, 2);
    } else {
      for (let index = list.length - 1; index >= 0; index--) this.value(field, list[index]);
    }
  }

  private value({ id, kind }: Field, value: unknown): void {
    if (typeof kind === 'function') {
      writeLengthDelimited(this.writer, () => {
        this.message(kind(), value as object);
      });
      this.writer.tag(id, 2);
    } else {
      writeScalar(this.writer, kind, value);
      this.writer.tag(id, WIRE_TYPE[kind]);
    }
  }
}

function dataOf({ source, rawData }: Partial<TensorProto>): Segment | undefined {
  return source ?? rawData;
}

/**
 * Writes one message: known fields in the order of their numbers, then the unknown ones. The
 * structure is in memory afterwards, large data are referred to.
 */
export function encode(schema: Schema, message: object, substitutes?: Substitutes): Segment[] {
  const encoder = new Encoder(substitutes);
  encoder.message(schema, message);
  return encoder.writer.finish();
}
