import { SCALARS, type Scalar } from './scalars';
import { TABLES, UNIONS } from './schema-tables';

/** What a field holds. */
export type FieldType =
  | { readonly kind: 'scalar'; readonly scalar: Scalar; readonly fallback: number }
  | { readonly kind: 'scalars'; readonly scalar: Scalar }
  /** Bytes, which are views of the file's when they are read. */
  | { readonly kind: 'bytes'; readonly isData: boolean }
  | { readonly kind: 'string' }
  | { readonly kind: 'table'; readonly table: string }
  | { readonly kind: 'tables'; readonly table: string }
  /** One of the union's tables; which one says the number in the field before it. */
  | { readonly kind: 'union'; readonly union: string; readonly typeField: string };

export interface Field {
  readonly index: number;
  readonly name: string;
  readonly type: FieldType;
  /** Lists that are there, without elements, when a file has none. */
  readonly isRequired: boolean;
}

export interface Schema {
  readonly name: string;
  /** In the order of their numbers. */
  readonly fields: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
}

/** Data that operators read in place: it begins at multiples of 16 bytes, behind the structure. */
const DATA = new Set(['Buffer.data', 'CustomQuantization.custom']);

const REQUIRED = new Set([
  'Model.operatorCodes',
  'Model.subgraphs',
  'Model.buffers',
  'Model.metadata',
  'Model.signatureDefs',
  'SubGraph.tensors',
  'SubGraph.inputs',
  'SubGraph.outputs',
  'SubGraph.operators',
  'Operator.inputs',
  'Operator.outputs',
  'SignatureDef.inputs',
  'SignatureDef.outputs',
]);

const isScalar = (type: string): type is Scalar => Object.hasOwn(SCALARS, type);

function fieldType(table: string, name: string, text: string): FieldType {
  const [type = '', fallback = '0'] = text.split('=');
  if (isScalar(type)) return { kind: 'scalar', scalar: type, fallback: Number(fallback) };
  if (type === 'string') return { kind: 'string' };
  if (type.startsWith('union:')) {
    return { kind: 'union', union: type.slice('union:'.length), typeField: `${name}Type` };
  }
  if (!type.startsWith('[')) return { kind: 'table', table: type };
  const element = type.slice(1, -1);
  if (!isScalar(element)) return { kind: 'tables', table: element };
  if (SCALARS[element].size > 1) return { kind: 'scalars', scalar: element };
  return { kind: 'bytes', isData: DATA.has(`${table}.${name}`) };
}

function makeSchema(name: string): Schema {
  const fields: Field[] = [];
  const texts = (TABLES[name] ?? '').split(' ').entries();
  for (const [index, text] of texts) {
    const [field = '', ...type] = text.split(':');
    if (type.length === 0) continue;
    fields.push({
      index,
      name: field,
      type: fieldType(name, field, type.join(':')),
      isRequired: REQUIRED.has(`${name}.${field}`),
    });
  }
  return { name, fields, byName: new Map(fields.map((field) => [field.name, field])) };
}

const schemas = new Map<string, Schema>();

/** A table's schema; one without fields for a table that is not known. */
export function schemaOf(table: string): Schema {
  let schema = schemas.get(table);
  if (!schema) {
    schema = makeSchema(table);
    schemas.set(table, schema);
  }
  return schema;
}

/** The table that a union's type stands for; undefined for a type newer than the schema. */
export function unionTable(union: string, type: number): string | undefined {
  return UNIONS[union]?.[type - 1];
}

/** The number of a table in a union, 0 where it is none of it. */
export function unionType(union: string, table: string): number {
  return (UNIONS[union] ?? []).indexOf(table) + 1;
}
