import { schemaOf, unionTable, type Field } from '../../../../lib/formats/tflite/schema';
import type { Scalar } from '../../../../lib/formats/tflite/scalars';
import type { ModelT, UnknownField } from '../../../../lib/formats/tflite';
import type { Random } from '../../../stress/hostile/random.mjs';

type Fields = Record<string, unknown>;

const texts = ['', 'x', 'serving_default_x:0', 'Größe', '名前', '😀', 'a'.repeat(300)];
const floats = [0, -0, 1.5, Infinity, -Infinity, NaN, Math.fround(1e-45), Math.fround(3.4e38)];

const values: Record<Scalar, readonly unknown[]> = {
  bool: [true, false],
  int8: [0, 1, -128, 127],
  uint8: [0, 1, 255],
  int16: [0, -32768, 32767],
  uint16: [0, 1, 65535],
  int32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)],
  uint32: [0, 1, 2 ** 32 - 1],
  float32: floats,
  int64: [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)],
  uint64: [0n, 1n, 2n ** 64n - 1n],
  float64: [...floats, Math.PI],
};

/** Fields that say where data lies behind the flatbuffer, and go when it is read. */
const PLACES = new Set(['offset', 'size', 'largeCustomOptionsOffset', 'largeCustomOptionsSize']);

/** What a field of the kind may hold; undefined to leave it out. */
function valueOf({ name, type }: Field, random: Random, target: Fields): unknown {
  const list = <T>(item: () => T): T[] => Array.from({ length: random.below(4) }, item);
  switch (type.kind) {
    case 'scalar':
      return PLACES.has(name) ? undefined : random.pick(values[type.scalar]);
    case 'scalars':
      return list(() => random.pick(values[type.scalar]));
    case 'bytes':
      return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)));
    case 'string':
      return random.pick(texts);
    case 'table':
      return randomTable(type.table, random);
    case 'tables':
      return list(() => randomTable(type.table, random));
    case 'union': {
      const number = Number(target[type.typeField] ?? 0);
      return number === 0 ? undefined : randomTable(unionTable(type.union, number) ?? '', random);
    }
  }
}

/** Fields of a schema that is newer than ours: of bytes that are no place in the file. */
function unknownFields(table: string, random: Random): UnknownField[] {
  const next = (schemaOf(table).fields.at(-1)?.index ?? -1) + 1;
  return [1, 8].map((size, index) => ({
    index: next + 2 * index,
    bytes: Buffer.alloc(size, 1 + 2 * random.below(100)),
    mayRefer: false,
  }));
}

/** A table with anything in any of its fields. */
function randomTable(table: string, random: Random): Fields {
  const target: Fields = {};
  const schema = schemaOf(table);
  for (const field of schema.fields) {
    if (!field.isRequired && random.oneIn(3)) continue;
    const value = valueOf(field, random, target);
    if (value !== undefined) target[field.name] = value;
  }
  if (random.oneIn(8)) target['unknownFields'] = unknownFields(table, random);
  return target;
}

/**
 * A model with anything in any field, but for indices of tensors, buffers and operator codes, which
 * are sound: nothing can be run.
 */
export function randomModel(random: Random): ModelT {
  const model = randomTable('Model', random) as unknown as ModelT;
  model.version = 3;
  const some = <T>(list: T[], least: string): T[] =>
    list.length > 0 ? list : [randomTable(least, random) as T];
  model.buffers = some(model.buffers, 'Buffer');
  model.operatorCodes = some(model.operatorCodes, 'OperatorCode');
  model.subgraphs = some(model.subgraphs, 'SubGraph');
  for (const graph of model.subgraphs) {
    graph.tensors = some(graph.tensors, 'Tensor');
    const index = (): number => random.below(graph.tensors.length);
    const indices = (list: readonly number[]): number[] => list.map(index);
    graph.inputs = indices(graph.inputs);
    graph.outputs = indices(graph.outputs);
    for (const tensor of graph.tensors) tensor.buffer = random.below(model.buffers.length);
    for (const operator of graph.operators) {
      operator.opcodeIndex = random.below(model.operatorCodes.length);
      operator.inputs = [-1, ...indices(operator.inputs)];
      operator.outputs = indices(operator.outputs);
      if (operator.intermediates) operator.intermediates = indices(operator.intermediates);
    }
  }
  for (const entry of model.metadata) entry.buffer = random.below(model.buffers.length);
  for (const signature of model.signatureDefs) {
    signature.subgraphIndex = random.below(model.subgraphs.length);
    const count = model.subgraphs[signature.subgraphIndex]!.tensors.length;
    for (const map of [...signature.inputs, ...signature.outputs]) {
      map.tensorIndex = random.below(count);
    }
  }
  return model;
}
