import { Tensor, type ElementType } from 'onlite';

import { badRequest } from '../errors';
import type { JsonReader } from '../json/reader';
import { readNested } from '../json/nested';
import {
  NumberSink,
  emptyNumbers,
  isNumberType,
  readNumbers,
  type NumberRules,
} from '../json/numbers';
import { Letter } from '../json/letters';
import { decodeText } from './text';

/** How a protocol has values besides JSON's own. */
export interface ValueRules extends NumberRules {
  /** `{"b64": "…"}` is a string. */
  readonly base64?: boolean;
}

/** Values of one element type that are collected before the number of them is known. */
export class Values {
  readonly type: ElementType;
  readonly #rules: ValueRules;
  readonly #numbers: NumberSink | undefined;
  readonly #others: (string | number)[] = [];

  constructor(type: ElementType, rules: ValueRules = {}) {
    this.type = type;
    this.#rules = rules;
    this.#numbers = isNumberType(type) ? new NumberSink(type) : undefined;
  }

  get length(): number {
    return this.#numbers?.length ?? this.#others.length;
  }

  /** Adds a value, or the values of nested arrays. @returns its shape, empty for a value */
  read(reader: JsonReader): number[] {
    if (this.#numbers !== undefined) return readNumbers(reader, this.#numbers, this.#rules);
    if (this.type === 'bool')
      return readNested(reader, () => this.#addOther(Number(reader.boolean())));
    if (this.type === 'string')
      return readNested(reader, () => this.#addOther(this.#readText(reader)));
    throw badRequest(reader.path, `${this.type} has no JSON form`);
  }

  #addOther(value: string | number): void {
    this.#others.push(value);
  }

  #readText(reader: JsonReader): string {
    if (this.#rules.base64 === true && reader.next() === Letter.openBrace)
      return readBase64(reader);
    return reader.string();
  }

  /** Those of strings. */
  get texts(): readonly string[] {
    return this.#others as string[];
  }

  /** The first of them. */
  get first(): string | number | bigint {
    return this.#numbers?.data[0] ?? this.#others[0] ?? 0;
  }

  /** Adds a value that was converted already. */
  add(value: string | number | bigint): void {
    if (this.#numbers === undefined) this.#others.push(value as string | number);
    else {
      this.#numbers.hasRoom();
      this.#numbers.data[this.#numbers.length++] = value as number;
    }
  }

  /** Writes all values into a tensor's memory, from an element on, each so many after the one before. */
  writeTo(tensor: Tensor, first = 0, step = 1): void {
    const target = tensor.data as unknown as (string | number)[];
    if (this.#numbers !== undefined && step === 1) {
      (tensor.data as Float32Array).set(this.#numbers.numbers as Float32Array, first);
      return;
    }
    const source = (this.#numbers?.numbers ?? this.#others) as readonly (string | number)[];
    for (let index = 0; index < source.length; index++) {
      target[first + index * step] = source[index] ?? 0;
    }
  }
}

/** A tensor of its own with all of some values. */
export function tensorOf(values: Values, dims: readonly number[]): Tensor {
  const { type, length } = values;
  const data =
    type === 'string'
      ? [...values.texts]
      : type === 'bool'
        ? new Uint8Array(length)
        : emptyNumbers(type, length);
  const tensor = new Tensor(type, data, dims) as unknown as Tensor;
  if (type !== 'string') values.writeTo(tensor);
  return tensor;
}

/** Whether the next value is an object for bytes, and not one of names. */
export function isBase64(reader: JsonReader): boolean {
  if (reader.next() !== Letter.openBrace) return false;
  const { position } = reader;
  const { bytes } = reader;
  const text = bytes.toString('latin1', position, Math.min(position + 64, reader.end));
  return /^\{\s*"b64"\s*:/.test(text);
}

function readBase64(reader: JsonReader): string {
  const { path } = reader;
  let text: string | undefined;
  reader.object((key) => {
    if (key !== 'b64') throw badRequest(path, `expected {"b64": …}, got the key '${key}'`);
    text = reader.string();
  });
  if (text === undefined) throw badRequest(path, 'expected {"b64": …}');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw badRequest(path, 'expected base64');
  return decodeText(Buffer.from(text, 'base64'), path);
}
