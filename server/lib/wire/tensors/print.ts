import type { Tensor } from 'onlite';

import { badRequest } from '../errors';
import { isNumberType } from '../json/numbers';
import { printNested } from '../json/nested';
import { printAll, printEachRow, type NumberStyle } from '../json/print-numbers';
import type { AnswerPart } from '../request';

/** How the elements of an output are written. */
export interface OutputStyle extends NumberStyle {
  /** Strings as `{"b64": …}`. */
  readonly asBytes?: boolean;
}

const pathOf = (name: string): string => `output '${name}'`;

function stringPrinter(
  tensor: Tensor,
  { asBytes = false }: OutputStyle,
): (index: number) => string {
  const strings = tensor.data as unknown as string[];
  return (index) => {
    const text = strings[index] ?? '';
    return asBytes ? `{"b64": "${Buffer.from(text).toString('base64')}"}` : JSON.stringify(text);
  };
}

function requireNumbers({ type }: Tensor, name: string): void {
  if (isNumberType(type) || type === 'bool') return;
  throw badRequest('', `output '${name}' is ${type as string}, which has no JSON form`);
}

/**
 * A whole output.
 *
 * @throws RequestError 400 for a type that has no JSON form, OnliteError ERR_INVALID_ARGUMENT for what is
 *   not finite, if it is refused
 */
export function printTensor(tensor: Tensor, name: string, style: OutputStyle): AnswerPart {
  if (tensor.type === 'string') return printNested(stringPrinter(tensor, style), tensor.dims);
  requireNumbers(tensor, name);
  return printAll(tensor, pathOf(name), style, 'nested');
}

/** One index of an output's first dimension, for each of them. @throws as {@link printTensor} */
export function printRows(tensor: Tensor, name: string, style: OutputStyle): string[] {
  if (tensor.type === 'string') {
    const [rows = 0, ...shape] = tensor.dims;
    const size = shape.reduce((product, dim) => product * dim, 1);
    const print = stringPrinter(tensor, style);
    return Array.from({ length: rows }, (_, row) => printNested(print, shape, row * size));
  }
  requireNumbers(tensor, name);
  return printEachRow(tensor, pathOf(name), style);
}

/** The elements of an output, each by itself. @throws as {@link printTensor} */
export function printElements(tensor: Tensor, name: string, style: OutputStyle): string[] {
  if (tensor.type === 'string') {
    return Array.from({ length: tensor.size }, (_, index) => stringPrinter(tensor, style)(index));
  }
  requireNumbers(tensor, name);
  if (tensor.size === 0) return [];
  const text = printAll(tensor, pathOf(name), style, 'flat');
  return text.toString('latin1').slice(1, -1).split(',');
}

/** Parts of a text: those that are strings are one with their neighbours. */
export function joinParts(parts: readonly AnswerPart[]): AnswerPart | AnswerPart[] {
  const joined: AnswerPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string')
      joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  const [only = '', second] = joined;
  return second === undefined ? only : joined;
}
