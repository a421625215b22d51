import type { Tensor } from 'onlite';

import { badRequest } from '../errors';
import { elementPrinter, printNested, type NumberForm } from '../json/print-numbers';
import { isNumberType } from '../json/numbers';

/**
 * How elements of an output are written.
 *
 * @param asBytes - strings as `{"b64": …}`
 * @throws RequestError 400 for a type that has no JSON form
 */
export function tensorPrinter(
  tensor: Tensor,
  name: string,
  form: NumberForm,
  asBytes = false,
): (index: number) => string {
  const { type } = tensor;
  if (type === 'string') {
    const strings = tensor.data as unknown as string[];
    return (index) => {
      const text = strings[index] ?? '';
      return asBytes ? `{"b64": "${Buffer.from(text).toString('base64')}"}` : JSON.stringify(text);
    };
  }
  if (!isNumberType(type) && type !== 'bool') {
    throw badRequest('', `output '${name}' is ${type as string}, which has no JSON form`);
  }
  const print = elementPrinter(type, form);
  const data = tensor.data as ArrayLike<number | bigint>;
  return (index) => print(data[index] ?? 0);
}

/** A whole output. */
export function printTensor(
  tensor: Tensor,
  name: string,
  form: NumberForm,
  asBytes = false,
): string {
  return printNested(tensorPrinter(tensor, name, form, asBytes), tensor.dims);
}

/** One index of an output's first dimension, for each of them. */
export function printRows(
  tensor: Tensor,
  name: string,
  form: NumberForm,
  asBytes = false,
): string[] {
  const [rows = 0, ...shape] = tensor.dims;
  const size = shape.reduce((product, dim) => product * dim, 1);
  const print = tensorPrinter(tensor, name, form, asBytes);
  return Array.from({ length: rows }, (_, row) => printNested(print, shape, row * size));
}
