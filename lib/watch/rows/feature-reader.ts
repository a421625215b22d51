import { requireCount } from '../../checks';
import { OnliteError } from '../../errors';
import { elementReader, isDirect, type ElementReader } from './elements';
import { tensorsOf, type FeatureValue, type Row, type RowTensor, type RowTensors } from './row';

export interface FeatureOptions {
  /** Names of an input's elements, of one row: the columns of a table. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /**
   * Up to so many elements a row each is a feature of its own; of more there are summaries: of an
   * image each channel's mean and standard deviation, of anything else mean, standard deviation and
   * Euclidean norm. Default 64.
   */
  readonly maxElements?: number;
}

/** Features of rows, those of one row after those of the other. */
export interface FeatureTable {
  /** The same array for tables of the same features. */
  readonly names: readonly string[];
  readonly rows: number;
  /** That of a row and a name at `row × names.length + name`. */
  readonly values: readonly FeatureValue[];
}

/** How an input's elements of one row become features. */
interface Block {
  readonly input: string;
  readonly isText: boolean;
  readonly dims: readonly number[];
  /** Elements of one row. */
  readonly elements: number;
  /** Null where each element is a feature. */
  readonly summary: { readonly image: ReturnType<typeof channelsOf> } | null;
  readonly names: readonly string[];
}

const product = (dims: readonly number[]): number => {
  let all = 1;
  for (const dim of dims) all *= dim;
  return all;
};

const areEqual = (a: readonly number[], b: readonly number[]): boolean => {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
};

/** Rows of one request that are read while others wait: each becomes an object or more. */
export const MOST_ROWS_READ = 10_000;

/** How many rows the tensors have: the first dimension that all but scalars share, else one. */
export function rowCount(tensors: RowTensors): number {
  let first: number | undefined;
  for (const [, { dims }] of tensorsOf(tensors)) {
    if (dims.length === 0) continue;
    first ??= dims[0];
    if (dims[0] !== first) return 1;
  }
  return first ?? 1;
}

/** Whether the first dimension is of rows. */
const isByRow = ({ dims }: RowTensor, rows: number): boolean => dims.length > 0 && dims[0] === rows;

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly norm: number;
}

/** Of `count` values from a place on, `step` apart. */
function moments(values: ArrayLike<number>, from: number, step: number, count: number): Moments {
  let [sum, squares] = [0, 0];
  for (let index = 0, at = from; index < count; index++, at += step) {
    const value = values[at] ?? NaN;
    sum += value;
    squares += value * value;
  }
  const mean = sum / count;
  const variance = Math.max(0, squares / count - mean * mean);
  return { mean, deviation: Math.sqrt(variance), norm: Math.sqrt(squares) };
}

/** Where the channels of an image of such dims are: [H, W, C] or [C, H, W]; null for no image. */
export function channelsOf(dims: readonly number[]): { channels: number; isLast: boolean } | null {
  if (dims.length !== 3) return null;
  const [first = 0, , last = 0] = dims;
  if (last <= 4) return { channels: last, isLast: true };
  return first <= 4 ? { channels: first, isLast: false } : null;
}

function namesOf(
  input: string,
  elements: number,
  own: readonly string[] | undefined,
  summary: Block['summary'],
): readonly string[] {
  if (own) return own;
  if (summary === null) {
    return elements === 1
      ? [input]
      : Array.from({ length: elements }, (_, at) => `${input}[${at}]`);
  }
  if (summary.image === null) return ['mean', 'std', 'norm'].map((name) => `${input}.${name}`);
  return Array.from({ length: summary.image.channels }, (_, channel) =>
    ['mean', 'std'].map((name) => `${input}.channel${channel}.${name}`),
  ).flat();
}

/** Reads the features of rows out of a model's inputs. */
export class FeatureReader {
  readonly #options: FeatureOptions;
  readonly #maxElements: number;
  /** Of the inputs that were read last, which are like the next ones but for their values. */
  #blocks: readonly Block[] = [];
  #names: readonly string[] = [];
  /** An input's values where they are not what its memory says. */
  #scratch = new Float64Array(0);

  constructor(options: FeatureOptions = {}) {
    const { maxElements = 64 } = options;
    requireCount(maxElements, 'features.maxElements');
    this.#options = options;
    this.#maxElements = maxElements;
  }

  /**
   * The features of each row.
   *
   * @throws OnliteError ERR_SHAPE_MISMATCH for names that are not as many as the row has elements;
   *   ERR_UNSUPPORTED for types whose values are no numbers or strings.
   */
  read(tensors: RowTensors): Row[] {
    const table = this.table(tensors);
    return Array.from({ length: table.rows }, (_, row) => rowOf(table, row));
  }

  /** The same, as little as possible made of it. @throws OnliteError as `read` */
  table(tensors: RowTensors): FeatureTable {
    const entries = tensorsOf(tensors);
    const rows = rowCount(tensors);
    this.#describe(entries, rows);
    const names = this.#names;
    const values = new Array<FeatureValue>(rows * names.length);
    let column = 0;
    for (const [index, block] of this.#blocks.entries()) {
      const [name, tensor] = entries[index] as [string, RowTensor];
      if (block.names.length > 0) {
        const stride = isByRow(tensor, rows) ? block.elements : 0;
        const at = { values, column, width: names.length, rows, stride };
        if (block.summary === null) writeElements(at, block.elements, elementReader(tensor, name));
        else writeSummaries(at, block, this.#numbers(tensor, name));
      }
      column += block.names.length;
    }
    return { names, rows, values };
  }

  /** Finds out what the inputs' features are, unless they are the ones that they were. */
  #describe(entries: readonly (readonly [string, RowTensor])[], rows: number): void {
    let isSame = entries.length === this.#blocks.length;
    const blocks = entries.map(([input, tensor], index): Block => {
      const dims = isByRow(tensor, rows) ? tensor.dims.slice(1) : tensor.dims;
      const isText = tensor.type === 'string';
      const known = this.#blocks[index];
      if (known?.input === input && known.isText === isText && areEqual(known.dims, dims)) {
        return known;
      }
      isSame = false;
      const elements = product(dims);
      const own = this.#ownNames(input, elements);
      const isLarge = own === undefined && elements > this.#maxElements;
      const summary = isLarge ? { image: channelsOf(dims) } : null;
      // Of many strings there is no summary.
      const names = isLarge && isText ? [] : namesOf(input, elements, own, summary);
      return { input, isText, dims: [...dims], elements, summary, names };
    });
    if (isSame) return;
    this.#blocks = blocks;
    this.#names = blocks.flatMap(({ names }) => names);
  }

  /** All elements as numbers. */
  #numbers(tensor: RowTensor, name: string): ArrayLike<number> {
    if (isDirect(tensor)) return tensor.data as ArrayLike<number>;
    const read = elementReader(tensor, name);
    const { length } = tensor.data;
    if (this.#scratch.length < length) this.#scratch = new Float64Array(length);
    for (let index = 0; index < length; index++) this.#scratch[index] = Number(read(index));
    return this.#scratch;
  }

  #ownNames(input: string, elements: number): readonly string[] | undefined {
    const { names: all = {} } = this.#options;
    const names = Object.hasOwn(all, input) ? all[input] : undefined;
    if (names !== undefined && names.length !== elements) {
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `features.names.${input}: expected ${elements} names, as a row has elements, got ${names.length}`,
      );
    }
    return names;
  }
}

/** One row of a table; of features of the same name the last. */
export function rowOf({ names, values }: FeatureTable, row: number): Row {
  const from = row * names.length;
  return Object.fromEntries(names.map((name, index) => [name, values[from + index] ?? null]));
}

/** Where an input's features are written to, and where they are read from. */
interface Target {
  readonly values: FeatureValue[];
  readonly column: number;
  readonly width: number;
  readonly rows: number;
  /** Elements from one row to the next. */
  readonly stride: number;
}

function writeElements(target: Target, elements: number, read: ElementReader): void {
  const { values, column, width, rows, stride } = target;
  for (let row = 0; row < rows; row++) {
    const [to, from] = [row * width + column, row * stride];
    for (let index = 0; index < elements; index++) {
      const value = read(from + index);
      values[to + index] = typeof value === 'number' && Number.isNaN(value) ? null : value;
    }
  }
}

function writeSummaries(target: Target, block: Block, numbers: ArrayLike<number>): void {
  const { values, column, width, rows, stride } = target;
  const { elements, summary } = block;
  const image = summary?.image ?? null;
  for (let row = 0; row < rows; row++) {
    const [to, from] = [row * width + column, row * stride];
    if (image === null) {
      const { mean, deviation, norm } = moments(numbers, from, 1, elements);
      values[to] = mean;
      values[to + 1] = deviation;
      values[to + 2] = norm;
      continue;
    }
    const { channels, isLast } = image;
    const pixels = elements / channels;
    for (let channel = 0; channel < channels; channel++) {
      const first = from + (isLast ? channel : channel * pixels);
      const { mean, deviation } = moments(numbers, first, isLast ? channels : 1, pixels);
      values[to + 2 * channel] = mean;
      values[to + 2 * channel + 1] = deviation;
    }
  }
}
