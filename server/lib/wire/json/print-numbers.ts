import { printNumberRows, printNumbers, type Tensor } from 'onlite';

import { memoryPool } from '../../memory-pool';
import type { WireAnswer } from '../request';
import type { NonFinite } from './numbers';

/** How numbers are written. */
export interface NumberStyle {
  /** `tensorflow` as TensorFlow Serving does, `3.0` for a whole float. */
  readonly form: 'shortest' | 'tensorflow';
  /** Refused: with status 400. Default: as NaN, Infinity and -Infinity. */
  readonly nonFinite?: NonFinite | undefined;
}

/** Text up to so many bytes becomes a string, so that an answer is one piece. */
const SHORT_BYTES = 8192;

/** No number takes more, with the comma behind it; each array around it takes two. */
const NUMBER_BYTES = 28;

/** Memory that the long texts of an answer are in, until it was sent. */
export class TextMemory {
  #taken: Buffer[] = [];

  take(bytes: number): Buffer {
    const memory = memoryPool.take(bytes);
    this.#taken.push(memory);
    return memory;
  }

  /** What an answer says of it: nothing, where nothing was taken. */
  forAnswer(): Pick<WireAnswer, 'release'> {
    return this.#taken.length === 0 ? {} : { release: () => this.release() };
  }

  release(): void {
    const taken = this.#taken;
    this.#taken = [];
    for (const memory of taken) memoryPool.giveBack(memory);
  }
}

/** More elements are written quicker by native code, a call of which takes as long as some of them. */
const FEW = 8;

/**
 * Elements as JSON, in one array without white space or as the dims nest them.
 *
 * @param path - what the output is called in errors
 * @param memory - what a long text may be in
 * @throws OnliteError ERR_INVALID_ARGUMENT for what is not finite, if it is refused
 */
export function printAll(
  tensor: Tensor,
  path: string,
  style: NumberStyle,
  layout: 'nested' | 'flat',
  memory?: TextMemory,
): string | Buffer {
  const isRow = layout === 'flat' || tensor.dims.length === 1;
  if (isRow && tensor.size <= FEW && style.form === 'shortest') {
    const few = printFew(tensor.type, tensor.data as ArrayLike<number | bigint>);
    if (few !== undefined) return few;
  }
  const { form, nonFinite = 'accept' } = style;
  const most = tensor.size * (NUMBER_BYTES + 2 * tensor.dims.length);
  const out = most > SHORT_BYTES ? memory?.take(most) : undefined;
  const text = printNumbers(tensor, { form, nonFinite, layout, path, ...(out && { out }) });
  return text.length <= SHORT_BYTES ? text.toString('latin1') : text;
}

/** The elements of the first dimension, each as JSON by itself. @throws OnliteError as {@link printAll} */
export function printEachRow(tensor: Tensor, path: string, style: NumberStyle): string[] {
  const { form, nonFinite = 'accept' } = style;
  const { bytes, ends } = printNumberRows(tensor, { form, nonFinite, path });
  const rows: string[] = [];
  let start = 0;
  for (const end of ends) {
    rows.push(bytes.toString('latin1', start, end));
    start = end;
  }
  return rows;
}

/** Some numbers, as `printNumbers` writes them; undefined for what is left to it. */
export function printFew(type: string, data: ArrayLike<number | bigint>): string | undefined {
  const print = type === 'float32' ? shortestSingle : type === 'float64' ? shortestDouble : String;
  if (type === 'bool') return undefined;
  let text = '[';
  for (let index = 0; index < data.length; index++) {
    const element = print(data[index] as never);
    if (element === undefined) return undefined;
    text += index === 0 ? element : `,${element}`;
  }
  return `${text}]`;
}

/** Powers of ten that a double holds exactly. */
const exactPowers = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** Below this floats have fewer digits than others. */
const LEAST_NORMAL = 2 ** -126;

function shortestSingle(value: number): string | undefined {
  if (!Number.isFinite(value)) return undefined;
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  // A double of few digits is the same number.
  const exact = String(value);
  if (exact.length <= 7) return exact;
  if (Math.abs(value) < LEAST_NORMAL) return undefined;
  const power = Math.floor(Math.log10(Math.abs(value)));
  for (let digits = 6; digits <= 9; digits++) {
    const scale = exactPowers[digits - 1 - power];
    if (scale === undefined) return undefined;
    const scaled = value * scale;
    // Two decimals are as near.
    if (Math.abs(scaled % 1) === 0.5) return undefined;
    // Both are exact, so that the quotient is the decimal's nearest double.
    const rounded = Math.round(scaled) / scale;
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return undefined;
}

function shortestDouble(value: number): string | undefined {
  if (!Number.isFinite(value)) return undefined;
  return Object.is(value, -0) ? '-0' : String(value);
}
