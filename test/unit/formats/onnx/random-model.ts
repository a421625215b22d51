import {
  modelSchema,
  type Field,
  type ScalarKind,
  type Schema,
} from '../../../../lib/formats/onnx/schema';
import type { ModelProto, UnknownField } from '../../../../lib/formats/onnx';
import type { Random } from '../../../stress/hostile/random.mjs';

const MAX_DEPTH = 7;

const texts = ['', 'x', 'conv1/weight:0', 'Größe', '名前', '😀', 'a'.repeat(300)];
const counts = [0, 1, -1, 127, 128, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
const int32s = [0, 1, -1, 300, 2 ** 31 - 1, -(2 ** 31)];
const int64s = [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const uint64s = [0n, 1n, 2n ** 56n, 2n ** 63n, 2n ** 64n - 1n];
const doubles = [0, -0, 1.5, Infinity, -Infinity, NaN, 5e-324, Number.MAX_VALUE];

function bytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: random.below(20) }, () => random.below(256)));
}

function scalar(kind: ScalarKind, random: Random): unknown {
  switch (kind) {
    case 'string':
      return random.pick(texts);
    case 'bytes':
    case 'data':
      return bytes(random);
    case 'float':
      return Math.fround(random.pick(doubles));
    case 'double':
      return random.pick(doubles);
    case 'int32':
      return random.pick(int32s);
    case 'count':
      return random.pick(counts);
    case 'int64':
      return random.pick(int64s);
    case 'uint64':
      return random.pick(uint64s);
  }
}

/** What the reader gives for one packed block. */
function packed(kind: ScalarKind, values: readonly unknown[]): unknown {
  switch (kind) {
    case 'float':
      return Float32Array.from(values as number[]);
    case 'double':
      return Float64Array.from(values as number[]);
    case 'int32':
      return Int32Array.from(values as number[]);
    case 'int64':
      return BigInt64Array.from(values as bigint[]);
    default:
      return BigUint64Array.from(values as bigint[]);
  }
}

function value({ kind }: Field, random: Random, depth: number): unknown {
  return typeof kind === 'function' ? message(kind(), random, depth + 1) : scalar(kind, random);
}

function unknownField(random: Random): UnknownField {
  const id = 500 + random.below(100);
  switch (random.pick([0, 1, 2, 5] as const)) {
    case 0:
      return { id, wireType: 0, value: random.pick(uint64s) };
    case 1:
      return { id, wireType: 1, value: Buffer.from('12345678') };
    case 5:
      return { id, wireType: 5, value: Buffer.from('1234') };
    default:
      return { id, wireType: 2, value: bytes(random) };
  }
}

function message(schema: Schema, random: Random, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const field of schema.fields) {
    const isMessage = typeof field.kind === 'function';
    const isLeftOut = random.oneIn(2) || (isMessage && depth >= MAX_DEPTH);
    if (field.repeated) {
      const length = isLeftOut ? 0 : random.below(isMessage ? 3 : 6);
      const list = Array.from({ length }, () => value(field, random, depth));
      result[field.name] =
        field.packed && length > 0 ? packed(field.kind as ScalarKind, list) : list;
    } else if (!isLeftOut) {
      result[field.name] = value(field, random, depth);
    }
  }
  if (random.oneIn(5)) result['unknownFields'] = [unknownField(random), unknownField(random)];
  return result;
}

/** A model with anything in any field: it is sound as a file, and nothing beyond that. */
export function randomModel(random: Random): ModelProto {
  const model = message(modelSchema, random, 0);
  model['irVersion'] ??= 8;
  for (let graph = model['graph']; graph === undefined; graph = model['graph']) {
    model['graph'] = message(modelSchema, random, 0)['graph'];
  }
  return model as unknown as ModelProto;
}
