import { setOwn } from './checks';
import { dataLength, elementCount, elementTypeOfCode } from './element-type';
import type { TensorLike } from './feeds';
import type { SignaturePlan } from './signature-plan';
import { Tensor } from './tensor';

/**
 * Feeds of zeros and empty strings for every input that a run needs. A dynamic
 * dimension is 1; what is not a tensor is left out, for the run to complain of.
 */
export function zeroFeeds(plan: SignaturePlan): Record<string, TensorLike> {
  const feeds: Record<string, TensorLike> = {};
  for (const input of plan.inputs) {
    const type = elementTypeOfCode(input.type);
    if (input.optional || input.kind !== 'tensor' || type === undefined) continue;
    const dims = input.dims.map((dim) => (dim < 0 ? 1 : dim));
    const length = dataLength(type, elementCount(dims, `inputs.${input.name}.dims`));
    const data =
      type.array === undefined ? new Array<string>(length).fill('') : new type.array(length);
    setOwn(feeds, input.name, Tensor.fromTrusted(type, data, dims));
  }
  return feeds;
}
