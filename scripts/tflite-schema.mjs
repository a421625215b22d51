// Writes lib/formats/tflite/schema-tables.ts from the schema that TensorFlow Lite's Python package
// carries as code: node scripts/tflite-schema.mjs schema_py_generated.py (of PyPI's ai-edge-litert).
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [file] = process.argv.slice(2);
if (file === undefined)
  throw new Error('usage: node scripts/tflite-schema.mjs schema_py_generated.py');
const source = readFileSync(file, 'utf8');

/** Bodies of classes by their names. */
const classes = new Map(
  source
    .split(/^class /m)
    .slice(1)
    .map((text) => [text.slice(0, text.search(/\W/)), text]),
);

const SCALARS = new Map(
  Object.entries({
    Bool: 'bool',
    Int8: 'int8',
    Uint8: 'uint8',
    Int16: 'int16',
    Uint16: 'uint16',
    Int32: 'int32',
    Uint32: 'uint32',
    Int64: 'int64',
    Uint64: 'uint64',
    Float32: 'float32',
    Float64: 'float64',
  }),
);

/** The members of an enumeration or union, without NONE. */
function members(name) {
  const found = [...(classes.get(name) ?? '').matchAll(/^ {4}(\w+) = (\d+)$/gm)];
  const named = found.filter(([, member]) => member !== 'NONE');
  for (const [index, [, member, value]] of named.entries()) {
    if (Number(value) !== index + 1) throw new Error(`${name}.${member} is not ${index + 1}`);
  }
  return named.map(([, member]) => member);
}

/** What a table's field refers to, as its accessor in the table's class says. */
function reference(table, accessor) {
  const methods = (classes.get(table) ?? '').split(/^ {4}# \w+$/m);
  const method = methods.find((text) => text.includes(`def ${accessor}(`)) ?? '';
  const isVector = method.includes(`def ${accessor}(self, j)`);
  const list = (kind) => (isVector ? `[${kind}]` : kind);
  if (method.includes('.Union(')) return 'union';
  if (method.includes('_tab.String(')) return list('string');
  const object = /obj = (\w+)\(\)/.exec(method);
  if (object) return list(object[1]);
  const scalar = SCALARS.get(/number_types\.(\w+)Flags, a/.exec(method)?.[1]);
  if (scalar === undefined) throw new Error(`${table}.${accessor}: what is it?`);
  return list(scalar);
}

const withoutCapital = (name) => name.charAt(0).toLowerCase() + name.slice(1);

/** The fields of a table in the order of their numbers. */
function fields(table) {
  const add = new RegExp(
    `^def ${table}Add(\\w+)\\(builder, \\w+\\):\\n +builder\\.Prepend(\\w+?)Slot\\((\\d+), .*, (\\S+)\\)$`,
    'gm',
  );
  const found = [...source.matchAll(add)].map(([, accessor, kind, slot, fallback]) => {
    const scalar = SCALARS.get(kind);
    let type = scalar ?? reference(table, accessor);
    // The only unions are these; each has its type in the field before it.
    if (type === 'union') {
      type = accessor.replace(/^(ArraySegments|ArrayIndices)$/, 'SparseIndexVector');
      type = `union:${type === 'Details' ? 'QuantizationDetails' : type}`;
    }
    const value = Number(fallback === 'True' ? 1 : fallback === 'False' ? 0 : fallback);
    const byDefault = scalar && value !== 0 ? `=${value}` : '';
    return { slot: Number(slot), text: `${withoutCapital(accessor)}:${type}${byDefault}` };
  });
  const texts = [];
  for (const { slot, text } of found) texts[slot] = text;
  // Fields that are no longer used.
  return Array.from(texts, (text) => text ?? '-').join(' ');
}

/** Tables without a field need no entry. */
const tables = [...classes.keys()]
  .filter((name) => classes.has(`${name}T`))
  .map((name) => ({ name, text: fields(name) }))
  .filter(({ text }) => text !== '');
const unions = ['BuiltinOptions', 'BuiltinOptions2', 'QuantizationDetails', 'SparseIndexVector'];
const quoted = (text) => `'${text}'`;

const text = `// Written by scripts/tflite-schema.mjs from TensorFlow Lite's schema; not to be edited.

/**
 * Fields of tables in the order of their numbers: name, type, and the default that is not 0; \`-\`
 * where a field is no longer used. Tables without fields are left out.
 */
export const TABLES: Readonly<Record<string, string>> = {
${tables.map(({ name, text }) => `  ${name}: ${quoted(text)},`).join('\n')}
};

/** Tables that a union can be; the position is the type's number less 1. */
export const UNIONS: Readonly<Record<string, readonly string[]>> = {
${unions.map((name) => `  ${name}: [${members(name).map(quoted).join(', ')}],`).join('\n')}
};
`;
writeFileSync(
  fileURLToPath(new URL('../lib/formats/tflite/schema-tables.ts', import.meta.url)),
  text,
);
