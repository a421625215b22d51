import { OnliteError } from '../errors';
import { isTensorLike } from '../engine/run/fetches';
import type { TensorLike } from '../engine/run/feeds';
import type { ElementType, NumericData } from '../engine/tensor/element-type';
import { Tensor } from '../engine/tensor/tensor';
import type { TensorDetails } from './tensor-details';

/**
 * What a tensor can be given: a tensor, or its elements in row-major order in the typed array of its
 * type or in a plain array, for which the shape is the one that the tensor has.
 */
export type TensorValue = TensorLike | NumericData | Uint8ClampedArray | readonly unknown[];

/**
 * The value as a tensor of the type that the details say.
 *
 * @throws OnliteError ERR_TYPE_MISMATCH or ERR_SHAPE_MISMATCH where it does not fit.
 */
export function tensorOf(
  value: TensorValue,
  { name, dtype, shape }: TensorDetails,
): Tensor<ElementType> {
  if (!isTensorLike(value)) return new Tensor(dtype, value as never, shape);
  const { type, data, dims } = value;
  if (type === dtype) return new Tensor(dtype, data as never, dims);
  throw new OnliteError('ERR_TYPE_MISMATCH', `${name}.type: expected ${dtype}, got ${type}`);
}

/** @throws OnliteError ERR_SHAPE_MISMATCH unless the dims are those that the details say. */
export function requireShape({ dims }: Tensor<ElementType>, { name, shape }: TensorDetails): void {
  if (dims.length === shape.length && dims.every((dim, axis) => dim === shape[axis])) return;
  throw new OnliteError(
    'ERR_SHAPE_MISMATCH',
    `${name}.dims: expected [${shape.join(',')}], got [${dims.join(',')}]`,
  );
}

/** A tensor over elements of its own. */
export function copyOf({ type, data, dims }: Tensor<ElementType>): Tensor<ElementType> {
  return new Tensor(type, data.slice(), [...dims]);
}
