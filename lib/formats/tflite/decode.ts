import type { Flatbuffer, Table } from '../flatbuffer';
import type { UnknownField } from './objects';
import { SCALARS } from './scalars';
import { schemaOf, unionTable, type Field, type Schema } from './schema';

type Fields = Record<string, unknown>;

/** A field of unknown type takes what is up to the next one, as much as its place allows. */
function unknownField(
  table: Table,
  index: number,
  start: number,
  ends: readonly number[],
): UnknownField {
  const { buffer } = table;
  const end = ends.find((other) => other > start) ?? table.position + table.byteLength;
  let width = 8;
  while (width > 1 && (start % width !== 0 || start + width > end)) width /= 2;
  buffer.check(start, width);
  return {
    index,
    bytes: buffer.bytes.subarray(start, start + width),
    mayRefer: width >= 4 && mayRefer(table, start),
  };
}

/** Whether a field can be an offset, to be followed by a reader that knows what it is. */
function mayRefer({ buffer, position, byteLength }: Table, start: number): boolean {
  const offset = buffer.uint32(start);
  const target = start + offset;
  const isInside = target >= position && target < position + byteLength;
  if (offset % 4 !== 0 || isInside || target + 4 > buffer.size) return false;
  return isVector(buffer, target) || isTable(buffer, target);
}

function isVector(buffer: Flatbuffer, position: number): boolean {
  return buffer.uint32(position) <= buffer.size - position - 4;
}

function isTable(buffer: Flatbuffer, position: number): boolean {
  const vtable = position - buffer.int32(position);
  if (vtable < 0 || vtable + 4 > buffer.size) return false;
  const sizes = [buffer.uint16(vtable), buffer.uint16(vtable + 2)];
  return sizes.every((size) => size >= 4) && position + (sizes[1] ?? 0) <= buffer.size;
}

function unknownFields(table: Table, { fields }: Schema): UnknownField[] {
  const known = new Set(fields.map(({ index }) => index));
  const starts = Array.from({ length: table.fieldCount }, (_, index) => table.field(index));
  const ends = starts.filter((start) => start !== undefined).sort((a, b) => a - b);
  return starts.flatMap((start, index) =>
    start === undefined || known.has(index) ? [] : [unknownField(table, index, start, ends)],
  );
}

function readField(table: Table, { index, type }: Field, target: Fields): unknown {
  const { buffer } = table;
  const at = table.field(index);
  if (at === undefined) return undefined;
  switch (type.kind) {
    case 'scalar':
      return SCALARS[type.scalar].read(buffer, at);
    case 'scalars': {
      const { size, read } = SCALARS[type.scalar];
      return table.scalars(index, size, (offset) => read(buffer, offset));
    }
    case 'bytes': {
      const bytes = table.bytes(index);
      buffer.spend(bytes?.byteLength ?? 0);
      return bytes;
    }
    case 'string':
      return table.string(index);
    case 'table':
      return readOptional(table.table(index), type.table);
    case 'tables':
      return table.tables(index).map((item) => readTable(item, schemaOf(type.table)));
    case 'union': {
      const number = Number(target[type.typeField] ?? 0);
      if (number === 0) return undefined;
      return readOptional(table.table(index), unionTable(type.union, number) ?? '');
    }
  }
}

function readOptional(table: Table | undefined, name: string): Fields | undefined {
  return table && readTable(table, schemaOf(name));
}

/**
 * Reads a table into an object that has its fields by their names; those that the file leaves out
 * are not there, and those that the schema does not know are in `unknownFields`. The schema's tables
 * do not contain themselves, so that files cannot nest them deeply.
 *
 * @throws {FlatbufferError} when the bytes are not such a table, or describe too much
 */
export function readTable(table: Table, schema: Schema): Fields {
  const target: Fields = {};
  for (const field of schema.fields) {
    const value = readField(table, field, target) ?? (field.isRequired ? [] : undefined);
    if (value !== undefined) target[field.name] = value;
  }
  if (table.fieldCount > schema.fields.length) {
    const unknown = unknownFields(table, schema);
    if (unknown.length > 0) target['unknownFields'] = unknown;
  }
  return target;
}
