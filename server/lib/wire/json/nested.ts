import { badRequest } from '../errors';
import type { JsonReader } from './reader';
import { Letter } from './letters';

/**
 * Reads a value that is a leaf or an array of arrays … of leaves, all of one length on each axis, in
 * row-major order.
 *
 * @param isLeaf - whether an array is itself a leaf is never asked: arrays are axes
 * @returns the shape
 */
export function readNested(reader: JsonReader, leaf: () => void): number[] {
  const shape: number[] = [];
  let rank = -1;
  const fail = (axis: number, what: string) =>
    badRequest(reader.path, `expected ${what} on axis ${axis}, as in the values before`);

  const read = (axis: number): void => {
    if (reader.next() !== Letter.openBracket) {
      if (rank >= 0 && rank !== axis) throw fail(axis, rank > axis ? 'an array' : 'a value');
      rank = axis;
      leaf();
      return;
    }
    if (rank >= 0 && axis >= rank) throw fail(axis, 'a value');
    let count = 0;
    reader.array(() => {
      count++;
      read(axis + 1);
    });
    const known = shape[axis];
    if (known === undefined) shape[axis] = count;
    else if (known !== count) throw fail(axis, `${known} values, not ${count}`);
  };
  read(0);
  // An empty array above others that are not.
  const isWhole = rank < 0 || shape.length === rank;
  if (!isWhole) throw badRequest(reader.path, 'expected arrays of one depth');
  return shape;
}

/** Elements in arrays as a shape says, from an element on. */
export function printNested(
  print: (index: number) => string,
  shape: readonly number[],
  start = 0,
): string {
  let next = start;
  const nested = (axis: number): string => {
    const size = shape[axis];
    if (size === undefined) return print(next++);
    const parts: string[] = [];
    for (let index = 0; index < size; index++) parts.push(nested(axis + 1));
    return `[${parts.join(', ')}]`;
  };
  return nested(0);
}
