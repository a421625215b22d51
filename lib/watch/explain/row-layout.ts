import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { Tensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import { tensorOfValues } from '../../optimize/compare/real-values';
import { elementReader } from '../rows/elements';
import { rowCount } from '../rows/feature-reader';
import { tensorsOf, type RowTensor, type RowTensors } from '../rows/row';

/** An input whose elements are features. */
export interface ExplainedInput {
  readonly name: string;
  /** Of one row. */
  readonly dims: readonly number[];
  /** Where in a row of features its elements begin. */
  readonly from: number;
  readonly length: number;
}

interface Block extends ExplainedInput {
  readonly input: TensorValueMetadata;
  /** The strings that codes stand for, in the order in which they were met. */
  readonly words: string[];
}

const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);

/** Types of which a feature that lies between two values is rounded to one of them. */
const isWhole = (type: ElementType): boolean => /^u?int|^bool/.test(type);

/**
 * How a model's inputs are rows of numbers: the elements of all tensors that have rows, one after the
 * other, quantised ones as the real numbers that they stand for and strings as numbers of a list.
 * Scalars, and inputs that are no tensors, are no features: they stay as the sample has them.
 */
export class RowLayout {
  readonly width: number;
  /** Rows of a run: as many as the model's fixed first dimension says, or any number. */
  readonly capacity: number;
  readonly #blocks: readonly Block[];
  readonly #fixed: RowTensors;
  /** Whether the first dimension is of rows; else the whole sample is one. */
  readonly #isByRow: boolean;

  /**
   * @param sample - feeds that the model takes: whose scalars and dims are kept
   * @throws OnliteError ERR_INVALID_ARGUMENT for feeds without a tensor that can be explained.
   */
  constructor(metadata: readonly ValueMetadata[], sample: RowTensors) {
    const blocks: Block[] = [];
    const tensors = tensorsOf(sample);
    const ranked = tensors.filter(([, { dims }]) => dims.length > 0);
    const rows = rowCount(sample);
    this.#isByRow = ranked.every(([, { dims }]) => dims[0] === rows);
    let width = 0;
    for (const [name, { dims }] of ranked) {
      const input = metadata.find((value) => value.name === name);
      if (!input?.isTensor) continue;
      const own = this.#isByRow ? dims.slice(1) : dims;
      blocks.push({ name, dims: own, from: width, length: product(own), input, words: [] });
      width += product(own);
    }
    if (width === 0) {
      throw new OnliteError('ERR_INVALID_ARGUMENT', 'inputs: none has elements to explain by');
    }
    this.#blocks = blocks;
    this.width = width;
    const isDynamic = ({ input }: Block): boolean => typeof input.shape[0] === 'string';
    this.capacity = !this.#isByRow ? 1 : blocks.every(isDynamic) ? Infinity : rows;
    this.#fixed = Object.fromEntries(tensors.filter(([, { dims }]) => dims.length === 0));
  }

  get inputs(): readonly ExplainedInput[] {
    return this.#blocks.map(({ name, dims, from, length }) => ({ name, dims, from, length }));
  }

  /** What the features are called: an input's name, and an index where it has several elements. */
  get names(): readonly string[] {
    return this.#blocks.flatMap(({ name, length }) =>
      Array.from({ length }, (_, index) => (length === 1 ? name : `${name}[${index}]`)),
    );
  }

  /**
   * The rows of feeds.
   *
   * @throws OnliteError ERR_SHAPE_MISMATCH for other dims than the sample's; ERR_UNSUPPORTED for
   *   types whose values are no numbers or strings.
   */
  rowsOf(feeds: RowTensors): Float64Array[] {
    const count = this.#isByRow ? rowCount(feeds) : 1;
    const rows = Array.from({ length: count }, () => new Float64Array(this.width));
    for (const block of this.#blocks) this.#read(block, feeds[block.name], rows);
    return rows;
  }

  /** Feeds of such rows, as the model takes them. */
  feedsOf(rows: readonly Float64Array[]): Record<string, Tensor<ElementType>> {
    // No prototype: the model chooses the names.
    const feeds = Object.create(null) as Record<string, Tensor<ElementType>>;
    Object.assign(feeds, this.#fixed);
    for (const block of this.#blocks) feeds[block.name] = this.#tensor(block, rows);
    return feeds;
  }

  #read(block: Block, tensor: RowTensor | undefined, rows: readonly Float64Array[]): void {
    const { name, input, length, from, words } = block;
    const expected = this.#isByRow ? [rows.length, ...block.dims] : block.dims;
    if (tensor?.dims.join() !== expected.join()) {
      const found = tensor ? `[${tensor.dims.join(',')}]` : 'none';
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `inputs.${name}: expected [${expected.join(',')}], got ${found}`,
      );
    }
    const { type, dims, data } = tensor;
    const isQuantized = type === input.type && input.quantization !== undefined;
    const quantization = isQuantized ? { quantization: input.quantization } : {};
    const read = elementReader({ type, dims, data, ...quantization }, `inputs.${name}`);
    for (const [index, row] of rows.entries()) {
      for (let element = 0; element < length; element++) {
        const value = read(index * length + element);
        row[from + element] = typeof value === 'string' ? codeOf(words, value) : (value ?? NaN);
      }
    }
  }

  #tensor(
    { dims, from, length, input, words }: Block,
    rows: readonly Float64Array[],
  ): Tensor<ElementType> {
    const all = new Float64Array(rows.length * length);
    for (const [index, row] of rows.entries()) {
      all.set(row.subarray(from, from + length), index * length);
    }
    const shape = this.#isByRow ? [rows.length, ...dims] : dims;
    if (input.type === 'string') {
      return new Tensor(
        'string',
        Array.from(all, (code) => words[code] ?? ''),
        shape,
      );
    }
    const isRounded = isWhole(input.type) && input.quantization === undefined;
    const values = isRounded ? all.map(Math.round) : all;
    return tensorOfValues(values, shape, input.type, input.quantization);
  }
}

/** A string's place in a list, which is made longer for a new one. */
export function codeOf(words: string[], word: string): number {
  const known = words.indexOf(word);
  return known >= 0 ? known : words.push(word) - 1;
}
