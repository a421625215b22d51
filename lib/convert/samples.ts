import { randomNumbers } from '../bench/random';
import type { TensorLike } from '../engine/run/feeds';
import type { TensorValueMetadata, ValueMetadata } from '../engine/session/metadata';
import { isNumeric } from '../engine/tensor/numbers';
import { Tensor } from '../engine/tensor/tensor';
import { OnliteError } from '../errors';
import { tensorOfValues } from '../optimize/compare/real-values';

/** Tensors by the source's input names. */
export type Feeds = Record<string, TensorLike>;

/** A batch is checked alone, with others, and in an odd number. */
export const BATCH_SIZES = [1, 2, 5] as const;

/** A dynamic dimension that is none of the batch. */
const OPEN_SIZE = 8;

/** Whole numbers are mostly indices, lengths and masks. */
const INTEGERS = 2;

const isOpen = (dim: number | string | undefined): boolean => typeof dim === 'string';

function randomTensor(
  { name, type, shape }: TensorValueMetadata,
  batch: number,
  next: () => number,
  known: readonly (string | number)[] | undefined,
): TensorLike {
  const dims = shape.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    return axis === 0 ? batch : OPEN_SIZE;
  });
  const size = dims.reduce((product, dim) => product * dim, 1);
  const any = (): string | number => known?.[Math.floor(next() * known.length)] ?? '';
  if (type === 'string') {
    if (known) return new Tensor('string', Array.from({ length: size }, any).map(String), dims);
    const letter = (): string => String.fromCharCode(97 + Math.floor(next() * 26));
    return new Tensor('string', Array.from({ length: size }, letter), dims);
  }
  if (!isNumeric(type)) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `inputs.${name}: no random values of ${type}; give data`,
    );
  }
  const isWhole = /^u?int|^bool$/.test(type);
  const values = Float64Array.from({ length: size }, () => {
    if (known) return Number(any());
    return isWhole ? Math.floor(next() * INTEGERS) : 2 * next() - 1;
  });
  return tensorOfValues(values, dims, type, undefined);
}

/**
 * Random samples, the same for the same seed: numbers from −1 to 1, whole ones 0 or 1. Where the first
 * dimension of an input is open, so many of each batch size.
 *
 * @param known - of inputs by name: the values that are drawn
 * @throws OnliteError ERR_UNSUPPORTED for inputs that are no tensors of numbers or texts
 */
export function* randomSamples(
  inputs: readonly ValueMetadata[],
  { seed, count }: { readonly seed: number; readonly count: number },
  known: ReadonlyMap<string, readonly (string | number)[]> = new Map(),
): Generator<Feeds> {
  const next = randomNumbers(seed);
  const isBatched = inputs.some((input) => input.isTensor && isOpen(input.shape[0]));
  for (const batch of isBatched ? BATCH_SIZES : [1]) {
    for (let index = 0; index < count; index++) {
      // No prototype: the model chooses the names.
      const feeds = Object.create(null) as Feeds;
      for (const input of inputs) {
        if (!input.isTensor) {
          throw new OnliteError('ERR_UNSUPPORTED', `inputs.${input.name}: it is no tensor`);
        }
        feeds[input.name] = randomTensor(input, batch, next, known.get(input.name));
      }
      yield feeds;
    }
  }
}
