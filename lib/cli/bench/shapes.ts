import type { ValueMetadata } from '../../engine/session/metadata';
import { UsageError } from '../command';

/**
 * `--shape` values for a batch: the given ones, and for every other input whose first dimension
 * alone is dynamic its shape with `batch` there. Without a batch that dimension is 1.
 *
 * @throws UsageError when a batch is asked for and no input has a dynamic first dimension.
 */
export function batchShapes(
  inputs: readonly ValueMetadata[],
  given: readonly string[],
  batch: number | undefined,
): string[] {
  const shapes = [...given];
  let batched = 0;
  for (const input of inputs) {
    if (!input.isTensor) continue;
    const [first, ...rest] = input.shape;
    if (typeof first === 'number' || first === undefined) continue;
    batched++;
    const own = shapes.findIndex((spec) => spec.startsWith(`${input.name}=`));
    if (own >= 0) {
      const sizes = shapes[own]?.slice(input.name.length + 1).split(',') ?? [];
      if (batch !== undefined) {
        shapes[own] = `${input.name}=${[String(batch), ...sizes.slice(1)].join(',')}`;
      }
    } else if (rest.every((dim) => typeof dim === 'number')) {
      shapes.push(`${input.name}=${[batch ?? 1, ...rest].join(',')}`);
    }
  }
  if (batch !== undefined && batched === 0) {
    throw new UsageError('--batch: no input of the model has a dynamic first dimension');
  }
  return shapes;
}
