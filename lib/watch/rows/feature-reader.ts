import { requireCount } from '../../checks';
import { OnliteError } from '../../errors';
import { elementReader, type ElementReader } from './elements';
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

interface Block {
  readonly name: string;
  readonly names: readonly string[] | undefined;
  /** Elements of one row. */
  readonly elements: number;
  readonly dims: readonly number[];
}

type Pair = readonly [name: string, value: FeatureValue];

const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);

/** How many rows the tensors have: the first dimension that all but scalars share, else one. */
export function rowCount(tensors: RowTensors): number {
  const counts = tensorsOf(tensors)
    .filter(([, { dims }]) => dims.length > 0)
    .map(([, { dims }]) => dims[0]);
  const [first = 1] = counts;
  return counts.every((count) => count === first) ? first : 1;
}

/** Whether the first dimension is of rows. */
const isByRow = ({ dims }: RowTensor, rows: number): boolean => dims.length > 0 && dims[0] === rows;

function moments(
  count: number,
  read: (index: number) => number,
): { mean: number; deviation: number; norm: number } {
  let [sum, squares] = [0, 0];
  for (let index = 0; index < count; index++) {
    const value = read(index);
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

function summaries({ name, elements, dims }: Block, read: (index: number) => number): Pair[] {
  const image = channelsOf(dims);
  if (!image) {
    const { mean, deviation, norm } = moments(elements, read);
    return [
      [`${name}.mean`, mean],
      [`${name}.std`, deviation],
      [`${name}.norm`, norm],
    ];
  }
  const { channels, isLast } = image;
  const pixels = elements / channels;
  return Array.from({ length: channels }, (_, channel): Pair[] => {
    const at = (pixel: number): number =>
      isLast ? pixel * channels + channel : channel * pixels + pixel;
    const { mean, deviation } = moments(pixels, (pixel) => read(at(pixel)));
    return [
      [`${name}.channel${channel}.mean`, mean],
      [`${name}.channel${channel}.std`, deviation],
    ];
  }).flat();
}

function elementName({ name, names, elements }: Block, index: number): string {
  return names?.[index] ?? (elements === 1 ? name : `${name}[${index}]`);
}

/** Reads the features of rows out of a model's inputs. */
export class FeatureReader {
  readonly #options: FeatureOptions;
  readonly #maxElements: number;

  constructor(options: FeatureOptions = {}) {
    const { maxElements = 64 } = options;
    requireCount(maxElements, 'maxElements');
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
    const rows = rowCount(tensors);
    const readers = tensorsOf(tensors).map(([name, tensor]) => this.#rowReader(name, tensor, rows));
    return Array.from({ length: rows }, (_, row): Row =>
      Object.fromEntries(readers.flatMap((reader) => reader(row))),
    );
  }

  #rowReader(name: string, tensor: RowTensor, rows: number): (row: number) => Pair[] {
    const byRow = isByRow(tensor, rows);
    const dims = byRow ? tensor.dims.slice(1) : tensor.dims;
    const block = {
      name,
      dims,
      elements: product(dims),
      names: this.#namesOf(name, product(dims)),
    };
    const read = elementReader(tensor, name);
    const from = (row: number): number => (byRow ? row * block.elements : 0);
    if (block.names === undefined && block.elements > this.#maxElements) {
      if (tensor.type === 'string') return () => [];
      return (row) => summaries(block, (index) => Number(read(from(row) + index)));
    }
    return (row) => features(block, read, from(row));
  }

  #namesOf(input: string, elements: number): readonly string[] | undefined {
    const names = this.#options.names?.[input];
    if (names !== undefined && names.length !== elements) {
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `names.${input}: expected ${elements} names, as a row has elements, got ${names.length}`,
      );
    }
    return names;
  }
}

function features(block: Block, read: ElementReader, from: number): Pair[] {
  return Array.from({ length: block.elements }, (_, index): Pair => {
    const value = read(from + index);
    const isMissing = typeof value === 'number' && Number.isNaN(value);
    return [elementName(block, index), isMissing ? null : value];
  });
}
