import { OnliteError } from '../../errors';
import type { UnknownField } from './objects';
import { SCALARS } from './scalars';
import { schemaOf, unionTable, type Field, type FieldType, type Schema } from './schema';

type Fields = Readonly<Record<string, unknown>>;

/** Where kernels want constant data to begin. */
const DATA_ALIGNMENT = 16;
const INITIAL_BYTES = 1 << 16;
/** Offsets to field lists are signed. */
const MAX_BYTES = 2 ** 31 - 1;

const aligned = (offset: number, alignment: number): number =>
  Math.ceil(offset / alignment) * alignment;

/** A field of a table as it is written: in the table itself, and what it refers to after it. */
interface Entry {
  readonly index: number;
  readonly size: number;
  readonly write: (at: number) => void;
  /** Writes what the field at this place refers to. */
  readonly follow?: (at: number) => void;
}

/** Data that come after the structure, and the field that refers to them. */
interface Deferred {
  readonly at: number;
  readonly bytes: Uint8Array;
}

class Encoder {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;
  readonly #fieldLists = new Map<string, number>();
  readonly #data: Deferred[] = [];

  root(schema: Schema, fields: Fields, identifier: string): void {
    this.#take(8, 4);
    this.#bytes.set(Buffer.from(identifier), 4);
    this.#refer(0, this.#table(schema, fields));
  }

  /** The structure, then data in the order of the fields that refer to it, with what lies between. */
  finish(): Uint8Array[] {
    const segments: Uint8Array[] = [];
    let end = this.#end;
    for (const { at, bytes } of this.#data) {
      // The length comes right before the data.
      const start = aligned(end + 4, DATA_ALIGNMENT) - 4;
      const gap = new Uint8Array(start + 4 - end);
      new DataView(gap.buffer).setUint32(start - end, bytes.byteLength, true);
      this.#refer(at, start);
      segments.push(gap, bytes);
      end = start + 4 + bytes.byteLength;
    }
    if (end > MAX_BYTES) {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        `a TensorFlow Lite model has 2 GiB at most, this one would have ${end} bytes`,
      );
    }
    return [this.#bytes.subarray(0, this.#end), ...segments];
  }

  /** An aligned place for so many bytes, which `before` others come right before. */
  #take(size: number, alignment: number, before = 0): number {
    const start = aligned(this.#end + before, alignment);
    this.#end = start + size;
    if (this.#end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#end, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return start;
  }

  #refer(at: number, target: number): void {
    this.#view.setUint32(at, target - at, true);
  }

  /** Equal lists of fields are written once. */
  #fieldList(places: Uint16Array): number {
    const key = places.join();
    const known = this.#fieldLists.get(key);
    if (known !== undefined) return known;
    const start = this.#take(2 * places.length, 2);
    places.forEach((place, index) => {
      this.#view.setUint16(start + 2 * index, place, true);
    });
    this.#fieldLists.set(key, start);
    return start;
  }

  #table(schema: Schema, fields: Fields): number {
    const entries = this.#entries(schema, fields);
    // The widest first, so that nothing lies between them.
    const sorted = [...entries].sort((a, b) => b.size - a.size);
    const places = new Uint16Array(2 + Math.max(0, ...entries.map(({ index }) => index + 1)));
    let size = 4;
    for (const entry of sorted) {
      places[2 + entry.index] = size;
      size += entry.size;
    }
    places[0] = places.byteLength;
    places[1] = size;
    const list = this.#fieldList(places);
    // The fields come after the four bytes that say where their list is.
    const start = this.#take(size - 4, sorted[0]?.size === 8 ? 8 : 4, 4) - 4;
    this.#view.setInt32(start, start - list, true);
    const place = ({ index }: Entry): number => start + (places[2 + index] ?? 0);
    for (const entry of entries) entry.write(place(entry));
    for (const entry of entries) entry.follow?.(place(entry));
    return start;
  }

  #entries(schema: Schema, fields: Fields): Entry[] {
    const known = schema.fields.flatMap((field) => this.#entry(field, fields));
    const unknown = (fields['unknownFields'] ?? []) as readonly UnknownField[];
    return [...known, ...unknown.map((field) => this.#unknown(schema, field))];
  }

  #unknown({ name }: Schema, { index, bytes, mayRefer }: UnknownField): Entry {
    if (mayRefer) {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        `field ${index} of ${name || 'a table'} is newer than this version of onlite, and may refer to more`,
      );
    }
    return {
      index,
      size: bytes.byteLength,
      write: (at) => {
        this.#bytes.set(bytes, at);
      },
    };
  }

  #entry({ index, name, type }: Field, fields: Fields): Entry[] {
    const value = fields[name];
    if (value === undefined) return [];
    if (type.kind === 'scalar') {
      const { size, write } = SCALARS[type.scalar];
      return [
        {
          index,
          size,
          write: (at) => {
            write(this.#view, at, value as never);
          },
        },
      ];
    }
    return [
      {
        index,
        size: 4,
        write: () => undefined,
        follow: (at) => {
          this.#follow(at, type, value, fields);
        },
      },
    ];
  }

  #follow(
    at: number,
    type: Exclude<FieldType, { kind: 'scalar' }>,
    value: unknown,
    fields: Fields,
  ): void {
    switch (type.kind) {
      case 'scalars':
        this.#refer(at, this.#scalars(type.scalar, value as readonly never[]));
        break;
      case 'bytes':
        if (type.isData) this.#data.push({ at, bytes: value as Uint8Array });
        else this.#refer(at, this.#byteList(value as Uint8Array));
        break;
      case 'string':
        this.#refer(at, this.#string(value as string));
        break;
      case 'table':
        this.#refer(at, this.#table(schemaOf(type.table), value as Fields));
        break;
      case 'tables':
        this.#tables(at, schemaOf(type.table), value as readonly Fields[]);
        break;
      case 'union': {
        const table = unionTable(type.union, Number(fields[type.typeField] ?? 0)) ?? '';
        this.#refer(at, this.#table(schemaOf(table), value as Fields));
      }
    }
  }

  #scalars(scalar: keyof typeof SCALARS, values: readonly never[]): number {
    const { size, write } = SCALARS[scalar];
    const first = this.#take(size * values.length, Math.max(4, size), 4);
    this.#view.setUint32(first - 4, values.length, true);
    values.forEach((value, index) => {
      write(this.#view, first + size * index, value);
    });
    return first - 4;
  }

  #byteList(bytes: Uint8Array): number {
    const first = this.#take(bytes.byteLength, 4, 4);
    this.#view.setUint32(first - 4, bytes.byteLength, true);
    this.#bytes.set(bytes, first);
    return first - 4;
  }

  /** Texts end with a 0 that does not count. */
  #string(text: string): number {
    const bytes = Buffer.from(text);
    const start = this.#byteList(bytes);
    this.#take(1, 1);
    return start;
  }

  #tables(at: number, schema: Schema, list: readonly Fields[]): void {
    const first = this.#take(4 * list.length, 4, 4);
    this.#view.setUint32(first - 4, list.length, true);
    this.#refer(at, first - 4);
    list.forEach((fields, index) => {
      this.#refer(first + 4 * index, this.#table(schema, fields));
    });
  }
}

/**
 * Writes a table as the root of a flatbuffer, its structure before its data. Data are referred to,
 * not copied.
 *
 * @throws OnliteError ERR_UNSUPPORTED for more than 2 GiB, and for unknown fields that may refer to
 *   what is not known either
 */
export function encode(table: string, fields: Fields, identifier: string): Uint8Array[] {
  const encoder = new Encoder();
  encoder.root(schemaOf(table), fields, identifier);
  return encoder.finish();
}
