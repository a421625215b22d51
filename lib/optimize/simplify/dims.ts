import type { Dim } from './value-types';

export type Dims = readonly Dim[];

const isNumber = (dim: Dim): dim is number => typeof dim === 'number';

/** Whether two shapes are the same whatever the model is given. */
export function sameDims(one: Dims | undefined, other: Dims | undefined): boolean {
  if (one?.length !== other?.length || !one || !other) return false;
  return one.every((dim, index) => dim !== undefined && dim === other[index]);
}

/**
 * The target that has Reshape make one shape of another: 0 for a size that it keeps where it is, -1
 * for one that follows from the others.
 *
 * @returns undefined where more than one size is left open, or a shape may have no elements
 */
export function reshapeTarget(from: Dims | undefined, to: Dims | undefined): number[] | undefined {
  if (!from || !to) return undefined;
  const target = to.map((dim, index) => {
    if (isNumber(dim)) return dim;
    return dim !== undefined && dim === from[index] ? 0 : -1;
  });
  const isClear = target.filter((size) => size === -1).length <= 1;
  return isClear && !to.includes(0) && !from.includes(0) ? target : undefined;
}

/** How many elements a shape has, where all of its sizes are known. */
export function knownSize(dims: Dims | undefined): number | undefined {
  return dims?.every(isNumber) ? dims.reduce((product, dim) => product * dim, 1) : undefined;
}
