import { badRequest } from '../errors';
import type { NumberArray } from '../json/numbers';

/**
 * Copies numbers of a message into a tensor, which may have a narrower type: protobuf has no integers of
 * 8 and 16 bits.
 *
 * @throws RequestError 400 for a number that would not be the same there
 */
export function setNumbers(target: NumberArray, source: NumberArray, path: string): void {
  target.set(source as never);
  if (target.BYTES_PER_ELEMENT >= source.BYTES_PER_ELEMENT) return;
  for (let index = 0; index < source.length; index++) {
    if (target[index] === source[index]) continue;
    const { name } = target.constructor;
    const type = name.replace('Array', '').toLowerCase();
    throw badRequest(`${path}[${index}]`, `expected a number for ${type}, got ${source[index]}`);
  }
}
