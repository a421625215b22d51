import { isDeepStrictEqual } from 'node:util';

import type { TensorLike } from '../../engine/run/feeds';
import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { isTensor, Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import { layoutOf, rearrange, type Layout } from './layout';
import type { Matching } from './match';
import { realValues, tensorOfValues } from './real-values';
import type { Sample } from './sample';

const ownTensor = ({ type, data, dims }: TensorLike): Tensor<ElementType> =>
  new Tensor(type as ElementType, data as never, dims);

/** The dims that a model is given: its own rank where it declares all dims, else as they are. */
function dimsFor(input: TensorValueMetadata, dims: readonly number[]): readonly number[] {
  const fixed = input.shape.filter((dim) => typeof dim === 'number');
  return fixed.length === input.shape.length && fixed.length > 0 ? fixed : dims;
}

function moved(dims: readonly number[], layout: 'channels-last' | 'channels-first'): number[] {
  const [batch = 1, ...rest] = dims;
  if (layout === 'channels-last') return [batch, ...rest.slice(1), rest[0] ?? 1];
  return [batch, rest.at(-1) ?? 1, ...rest.slice(0, -1)];
}

/**
 * A sample's tensor as a model takes it: in its layout and type, quantised by its parameters.
 *
 * @param described - the input that the tensor is said to be for; of its type, it has its parameters
 * @param likely - the layout where the dims leave it open
 */
function convert(
  tensor: Tensor<ElementType>,
  described: TensorValueMetadata,
  input: TensorValueMetadata,
  likely: Layout | undefined,
): Tensor<ElementType> {
  const quantization = tensor.type === described.type ? described.quantization : undefined;
  const layout = input.shape.length === 0 ? 'same' : layoutOf(tensor.dims, input.shape, likely);
  if (layout === undefined) {
    const expected = input.shape.map((dim) => dim || '?').join(',');
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `inputs.${input.name}: expected [${expected}], got [${tensor.dims.join(',')}]`,
    );
  }
  const isSame = tensor.type === input.type && isDeepStrictEqual(quantization, input.quantization);
  if (layout === 'same' && isSame) {
    const dims = dimsFor(input, tensor.dims);
    return dims === tensor.dims ? tensor : new Tensor(tensor.type, tensor.data, dims);
  }
  const values = rearrange(realValues(tensor, quantization), tensor.dims, layout);
  const dims = dimsFor(input, layout === 'same' ? tensor.dims : moved(tensor.dims, layout));
  return tensorOfValues(values, dims, input.type, input.quantization);
}

/**
 * A sample's feeds, which have the first model's names, for one of the models.
 *
 * @param likely - the model's layouts as seen from the first one, by rank
 * @throws OnliteError ERR_INVALID_ARGUMENT for a feed that the first model does not have;
 *   ERR_SHAPE_MISMATCH, ERR_TYPE_MISMATCH, or ERR_UNSUPPORTED for one that the model cannot take.
 */
export function feedsFor(
  { pairs }: Matching,
  referenceInputs: readonly ValueMetadata[],
  likely: ReadonlyMap<number, Layout>,
  sample: Sample['feeds'],
): Record<string, TensorLike> {
  const unknown = Object.keys(sample).find(
    (name) => !referenceInputs.some((input) => input.name === name),
  );
  if (unknown !== undefined) {
    const names = referenceInputs.map(({ name }) => name).join(', ');
    throw new OnliteError('ERR_INVALID_ARGUMENT', `inputs.${unknown}: the model has ${names}`);
  }
  // No prototype: the model chooses the names.
  const feeds = Object.create(null) as Record<string, TensorLike>;
  for (const { reference, candidate } of pairs) {
    const given = sample[reference.name];
    if (given === null || given === undefined) continue;
    if (!reference.isTensor || !candidate.isTensor) feeds[candidate.name] = given;
    else {
      const tensor = isTensor(given) ? (given as Tensor<ElementType>) : ownTensor(given);
      feeds[candidate.name] = convert(tensor, reference, candidate, likely.get(tensor.dims.length));
    }
  }
  return feeds;
}
