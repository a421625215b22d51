import { randomNumbers } from '../../bench/random';
import type { TensorLike } from '../../engine/run/feeds';
import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { isNumeric } from '../../engine/tensor/numbers';
import { Tensor } from '../../engine/tensor/tensor';
import { dataTypeBits, dataTypeOf } from '../../formats/onnx';
import { tensorOfValues } from '../compare/real-values';

/** Tensors by input name. */
export type Feeds = Readonly<Record<string, TensorLike>>;

/** The size of a dynamic dimension by its name, its axis and the number of its input. */
type Sizing = (name: string, axis: number, input: number) => number;

/** An input of more elements than this is no sample of anything. */
const MAX_ELEMENTS = 2 ** 26;

/** Different sizes for dimensions of different names, the same for those of the same. */
function distinctSizes(): Sizing {
  const sizes = new Map<string, number>();
  return (name) => {
    const size = sizes.get(name) ?? sizes.size + 2;
    if (name !== '') sizes.set(name, size);
    return size;
  };
}

/** The names of first dimensions, which other inputs may have elsewhere. */
function batchNames(inputs: readonly ValueMetadata[]): ReadonlySet<unknown> {
  const firsts = inputs.map((input) => (input.isTensor ? input.shape[0] : undefined));
  return new Set(firsts.filter((dim) => dim !== ''));
}

/** What dynamic dimensions are tried with: a model may need sizes that fit each other, or some least size. */
function sizings(inputs: readonly ValueMetadata[]): Sizing[] {
  const batches = batchNames(inputs);
  const isBatch = (name: string, axis: number): boolean => batches.has(name) || axis === 0;
  const batchAnd =
    (batch: number, size: number): Sizing =>
    (name, axis) =>
      isBatch(name, axis) ? batch : size;
  // Such as the state of a recurrent model, which is as large as the batch.
  const firstInput =
    (size: number): Sizing =>
    (name, axis, input) =>
      isBatch(name, axis) || (name === '' && input > 0) ? 1 : size;
  const sizes = [4, 7, 16, 32, 64, 128, 224, 256, 512, 1024];
  return [
    distinctSizes(),
    ...[1, 2, 3].map((size) => batchAnd(size, size)),
    ...sizes.map((size) => batchAnd(1, size)),
    batchAnd(2, 32),
    ...sizes.map(firstInput),
  ];
}

/** Numbers that may be indices of something, and those that are at least booleans. */
const INTEGERS = [10, 2];

function randomTensor(
  { type, shape }: TensorValueMetadata,
  sizing: (name: string, axis: number) => number,
  next: () => number,
  integers: number,
): Tensor<ElementType> | undefined {
  const dims = shape.map((dim, axis) => (typeof dim === 'number' ? dim : sizing(dim, axis)));
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size > MAX_ELEMENTS) return undefined;
  if (type === 'string') {
    const words = Array.from({ length: size }, () => String(Math.floor(next() * integers)));
    return new Tensor('string', words, dims);
  }
  if (!isNumeric(type) || type === 'bfloat16') return randomBits(type, dims, size, next);
  const isWhole = /^u?int|^bool$/.test(type);
  const most = type === 'bool' ? 2 : integers;
  const values = Float64Array.from({ length: size }, () =>
    isWhole ? Math.floor(next() * most) : 2 * next() - 1,
  );
  return tensorOfValues(values, dims, type, undefined);
}

/**
 * Bits for types whose elements onlite hands through: bfloat16 from 1 to 2, whose first bits are
 * the same, and small ones, of which each is a number.
 */
function randomBits(
  type: ElementType,
  dims: readonly number[],
  size: number,
  next: () => number,
): Tensor<ElementType> | undefined {
  if (type === 'bfloat16') {
    const bits = Uint16Array.from({ length: size }, () => 0x3f80 + Math.floor(next() * 128));
    return new Tensor(type, bits, dims);
  }
  const bitsOfOne = dataTypeBits(dataTypeOf(type));
  if (bitsOfOne === undefined || bitsOfOne > 8) return undefined;
  const length = Math.ceil((size * bitsOfOne) / 8);
  const bytes = Uint8Array.from({ length }, () => Math.floor(next() * 64));
  return new Tensor(type, bytes as never, dims);
}

function randomFeeds(
  inputs: readonly ValueMetadata[],
  sizing: Sizing,
  next: () => number,
  integers: number,
): Feeds | undefined {
  // No prototype: the model chooses the names.
  const feeds = Object.create(null) as Record<string, TensorLike>;
  for (const [index, input] of inputs.entries()) {
    if (input.optional) continue;
    const own = (name: string, axis: number): number => sizing(name, axis, index);
    const tensor = input.isTensor ? randomTensor(input, own, next, integers) : undefined;
    if (!tensor) return undefined;
    feeds[input.name] = tensor;
  }
  return feeds;
}

/**
 * Random samples of different sizes, whichever of them a model takes: numbers from −1 to 1, and
 * whole ones of 0 to 9 or 0 to 1. The same ones each time.
 */
export function* candidateSamples(inputs: readonly ValueMetadata[]): Generator<Feeds> {
  const isDynamic = inputs.some(
    (input) => input.isTensor && input.shape.some((dim) => typeof dim === 'string'),
  );
  const next = randomNumbers(0);
  for (const sizing of sizings(inputs).slice(0, isDynamic ? undefined : 2)) {
    for (const integers of INTEGERS) {
      const feeds = randomFeeds(inputs, sizing, next, integers);
      if (feeds) yield feeds;
    }
  }
}
