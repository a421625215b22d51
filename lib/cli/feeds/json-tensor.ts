import { elementType, type ElementType } from '../../engine/tensor/element-type';
import { OnliteError } from '../../errors';
import { Tensor, type TensorInit } from '../../engine/tensor/tensor';

const fail = (path: string, reason: string): OnliteError =>
  new OnliteError('ERR_INVALID_ARGUMENT', `${path}: ${reason}`);

/** The dims of a nested array; every level must be regular. */
function flatten(value: unknown, path: string): { dims: number[]; items: unknown[] } {
  const dims: number[] = [];
  let items: unknown[] = [value];
  while (items.length > 0 && items.every((item) => Array.isArray(item))) {
    const lists = items as unknown[][];
    const length = lists[0]?.length ?? 0;
    if (lists.some((list) => list.length !== length)) throw fail(path, 'rows of unequal length');
    if (dims.push(length) > 64) throw fail(path, 'more than 64 dimensions');
    items = lists.flat();
  }
  if (items.some((item) => Array.isArray(item))) throw fail(path, 'rows of unequal depth');
  return { dims, items };
}

function convert(item: unknown, type: ElementType, path: string): number | bigint | string {
  if (type === 'string') {
    if (typeof item === 'string') return item;
    throw fail(path, `expected strings, got ${JSON.stringify(item)}`);
  }
  if (type === 'int64' || type === 'uint64') {
    // Beyond 2^53 JSON numbers have lost digits: such values are written as strings.
    if (typeof item === 'number' && Number.isSafeInteger(item)) return BigInt(item);
    if (typeof item === 'string' && /^-?\d+$/.test(item)) return BigInt(item);
    throw fail(path, `expected whole numbers, got ${JSON.stringify(item)}`);
  }
  if (typeof item === 'boolean') return item ? 1 : 0;
  if (typeof item === 'number') return item;
  throw fail(path, `expected numbers, got ${JSON.stringify(item)}`);
}

/**
 * A tensor from JSON: nested arrays, a single value, or `{"data": […], "dims": […]}`.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT when it is irregular or not of the type.
 */
export function tensorFromJson(value: unknown, type: ElementType, path: string): Tensor {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  const { data, dims: given } = (isRecord ? value : { data: value }) as {
    data?: unknown;
    dims?: unknown;
  };
  const { dims, items } = flatten(data, path);
  if (given !== undefined && !Array.isArray(given)) throw fail(path, 'dims is not an array');
  if (type === 'float16' || !elementType(type)?.plain) {
    throw fail(path, `${type} cannot be given as JSON, use .npy`);
  }
  const converted = items.map((item) => convert(item, type, path));
  return new Tensor(
    type,
    converted as TensorInit<ElementType>,
    (given as number[] | undefined) ?? dims,
  ) as Tensor;
}
