import type { ElementType } from 'onlite';

import { leaseColumns, type Column } from '../tensors/columns';
import { checkShape, type Lease, type ServedModel, type Signature } from '../../models';
import { badRequest } from '../errors';
import { isNumberType, type NonFinite } from '../json/numbers';
import { JsonReader, type Span } from '../json/reader';
import { Values, type ValueRules } from '../tensors/values';

/** As pandas and numpy read values: null is NaN, and whole numbers may be written as floats. */
export const frameRules = (nonFinite: NonFinite): ValueRules => ({
  nullIsNaN: true,
  wholeFloats: true,
  nonFinite,
});

/** One column of a data frame: a value, or nested values of one shape, for each row. */
interface FrameColumn {
  readonly values: Values;
  shape: readonly number[] | undefined;
}

/**
 * A data frame that is being read. Its columns are inputs by their names; where none is called so, the
 * columns in their order are the last dimension of the only input.
 */
export class Frame {
  readonly #columns: readonly (FrameColumn | undefined)[];
  readonly #names: readonly string[];
  readonly #isMatrix: boolean;
  readonly #signature: Signature;
  readonly #rules: ValueRules;
  rows = 0;

  /** @throws RequestError 400 for an input that no column is called by */
  constructor(signature: Signature, names: readonly string[], rules: ValueRules) {
    this.#rules = rules;
    const { inputs } = signature;
    const missing = inputs.find(({ name, optional }) => optional !== true && !names.includes(name));
    const [only, second] = inputs;
    const lastDim = only?.shape.at(-1);
    // As many columns as the only input's rows have values are these, whatever they are called.
    const isWide = names.length > 1 && only?.shape.length === 2 && lastDim === names.length;
    this.#isMatrix =
      second === undefined && only !== undefined && (missing !== undefined || isWide);
    if (missing !== undefined && !this.#isMatrix) {
      throw badRequest('columns', `'${missing.name}' is missing, there are ${names.join(', ')}`);
    }
    if (new Set(names).size !== names.length) throw badRequest('columns', 'a name is there twice');
    if (this.#isMatrix && typeof lastDim === 'number' && lastDim !== names.length) {
      throw badRequest(
        'columns',
        `'${only?.name}' is missing, or ${lastDim} columns for it; there are ${names.join(', ')}`,
      );
    }
    this.#signature = signature;
    this.#names = names;
    this.#columns = names.map((name) => {
      const type = this.#typeOf(name);
      return type && { values: new Values(type, rules), shape: undefined };
    });
  }

  #typeOf(name: string): ElementType | undefined {
    const { inputs, inputIndex } = this.#signature;
    return inputs[this.#isMatrix ? 0 : (inputIndex.get(name) ?? -1)]?.type;
  }

  /** Reads the value of a row in a column, or goes beyond it. */
  read(reader: JsonReader, column: number): void {
    const found = this.#columns[column];
    if (found === undefined) {
      reader.skip();
      return;
    }
    const shape = found.values.read(reader);
    found.shape ??= shape;
    if (found.shape.join() === shape.join()) return;
    throw badRequest(
      reader.path,
      `expected the shape [${found.shape.join(',')}] of the rows before, got [${shape.join(',')}]`,
    );
  }

  /** Takes a value as CSV has it. */
  readText(text: string, column: number): void {
    const found = this.#columns[column];
    if (found === undefined) return;
    const path = `row ${this.rows}, ${this.#names[column]}`;
    found.shape ??= [];
    found.values.add(convertText(text.trim(), text, found.values.type, path, this.#rules));
  }

  /** @throws RequestError 400 for a row of another number of values than there are columns */
  requireWidth(width: number, path: string): void {
    const expected = this.#columns.length;
    if (width !== expected) throw badRequest(path, `expected ${expected} values, got ${width}`);
  }

  lease(model: ServedModel): Lease {
    const columns = new Map<number, Column>();
    if (this.#isMatrix) return this.#leaseMatrix(model);
    for (const [position, name] of this.#names.entries()) {
      const index = this.#signature.inputIndex.get(name);
      const column = this.#columns[position];
      if (index === undefined || column === undefined) continue;
      const rank = this.#signature.inputs[index]?.shape.length;
      const shape = [this.rows, ...(column.shape ?? [])];
      // A column of values for an input that has one in each row.
      if (rank === shape.length + 1) shape.push(1);
      columns.set(index, { shape, values: column.values, path: `columns.${name}` });
    }
    return leaseColumns(model, this.#signature, columns);
  }

  #leaseMatrix(model: ServedModel): Lease {
    const width = this.#columns.length;
    const [input] = this.#signature.inputs;
    const shape = [this.rows, width];
    const odd = this.#columns.find((column) => (column?.shape?.length ?? 0) > 0);
    if (input === undefined || odd !== undefined) {
      throw badRequest('columns', 'expected one value in each row of a column');
    }
    checkShape(input, shape, 'columns', model.isFixed);
    const lease = model.lease(this.#signature, [shape]);
    for (const [position, column] of this.#columns.entries()) {
      column?.values.writeTo(lease.input(0), position, width);
    }
    return lease;
  }
}

function convertText(
  trimmed: string,
  text: string,
  type: ElementType,
  path: string,
  rules: ValueRules,
): string | number | bigint {
  const fail = () => badRequest(path, `expected ${type}, got '${text.slice(0, 40)}'`);
  if (type === 'string') return text;
  if (type === 'bool') {
    if (/^(true|1)$/i.test(trimmed)) return 1;
    if (/^(false|0)$/i.test(trimmed)) return 0;
    throw fail();
  }
  if (!isNumberType(type)) throw badRequest(path, `${type} has no form in CSV`);
  const isFloat = type === 'float32' || type === 'float64';
  if (isFloat && /^(|nan|na|null|none|n\/a)$/i.test(trimmed)) return NaN;
  if (isFloat && /^-?inf(inity)?$/i.test(trimmed))
    return trimmed.startsWith('-') ? -Infinity : Infinity;
  // As JSON's numbers are read, so that ranges are the same.
  const values = new Values(type, rules);
  const reader = new JsonReader(Buffer.from(trimmed.replace(/^\+/, '')));
  try {
    values.read(reader);
    reader.finish();
  } catch {
    throw fail();
  }
  return values.first;
}

/** `dataframe_split`: `columns` and rows in `data`. */
export function readSplit(
  json: Buffer,
  span: Span,
  signature: Signature,
  rules: ValueRules,
): Frame {
  const reader = new JsonReader(json, { span });
  let names: string[] | undefined;
  let data: Span | undefined;
  reader.object((key) => {
    if (key === 'columns') names = readNames(reader);
    else if (key === 'data') data = reader.span();
    else if (key === 'index') reader.skip();
    else throw badRequest(reader.path, 'expected columns, data or index');
  });
  reader.finish();
  if (data === undefined) throw badRequest(`${span.path}.data`, 'expected rows, got nothing');
  const rows = new JsonReader(json, { span: data });
  let frame = names && new Frame(signature, names, rules);
  rows.array(() => {
    const { path } = rows;
    // Without names the columns are numbers.
    frame ??= new Frame(signature, countedNames(json, rows), rules);
    const current = frame;
    let width = 0;
    rows.array((column) => {
      width = column + 1;
      current.read(rows, column);
    });
    current.requireWidth(width, path);
    current.rows++;
  });
  rows.finish();
  return frame ?? new Frame(signature, [], rules);
}

function countedNames(json: Buffer, rows: JsonReader): string[] {
  const { position, end, path } = rows;
  const names: string[] = [];
  const ahead = new JsonReader(json, { span: { start: position, end, path } });
  ahead.array((column) => {
    names.push(String(column));
    ahead.skip();
  });
  return names;
}

function readNames(reader: JsonReader): string[] {
  const names: string[] = [];
  reader.array(() => {
    names.push(reader.kind() === 'number' ? String(reader.number()) : reader.string());
  });
  return names;
}

/** `dataframe_records`: an object for each row. */
export function readRecords(
  json: Buffer,
  span: Span,
  signature: Signature,
  rules: ValueRules,
): Frame {
  const reader = new JsonReader(json, { span });
  let frame: Frame | undefined;
  let order = new Map<string, number>();
  reader.array(() => {
    const { path } = reader;
    if (frame === undefined) {
      const names = keysOf(json, reader);
      frame = new Frame(signature, names, rules);
      order = new Map(names.map((name, position) => [name, position]));
    }
    const current = frame;
    const seen = new Set<number>();
    reader.object((key) => {
      const column = order.get(key);
      if (column === undefined || seen.has(column)) {
        throw badRequest(path, `expected the columns of the first record, each once, got '${key}'`);
      }
      seen.add(column);
      current.read(reader, column);
    });
    current.requireWidth(seen.size, path);
    current.rows++;
  });
  reader.finish();
  if (frame === undefined) throw badRequest(span.path, 'expected records, got none');
  return frame;
}

function keysOf(json: Buffer, reader: JsonReader): string[] {
  const { position, end, path } = reader;
  const names: string[] = [];
  const ahead = new JsonReader(json, { span: { start: position, end, path } });
  ahead.object((key) => {
    names.push(key);
    ahead.skip();
  });
  return names;
}

/** CSV whose first row names the columns. */
export function frameOfCsv(
  rows: readonly (readonly string[])[],
  signature: Signature,
  rules: ValueRules,
): Frame {
  const [names, ...data] = rows;
  if (names === undefined) throw badRequest('', 'the CSV has no row of names');
  const frame = new Frame(signature, names, rules);
  for (const row of data) {
    frame.requireWidth(row.length, `row ${frame.rows}`);
    for (const [column, text] of row.entries()) frame.readText(text, column);
    frame.rows++;
  }
  return frame;
}
