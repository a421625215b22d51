import { elementReader, isReadable, type ElementReader } from '../rows/elements';
import { scoreKind } from '../../optimize/measures/divergence';
import { tensorsOf, type RowTensor, type RowTensors } from '../rows/row';

/** What of a model's outputs tells of a fault by itself, counted by rows; of a sample, what those that were looked at stand for. */
export interface OutputHealth {
  readonly rows: number;
  /** Rows with a NaN in any output. */
  readonly nan: number;
  readonly infinite: number;
  /**
   * Rows of int8 or uint8 outputs half of whose values or more are the type's least or greatest, but
   * for quantised probabilities, most of which are 0.
   */
  readonly saturated: number;
  /** Rows that are equal to the row before, of outputs with more than one element. */
  readonly constant: number;
}

const limits: Readonly<Record<string, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
};

const [NAN, INFINITE, SATURATED, CHANGED] = [1, 2, 4, 8] as const;

/** Values of the last row of an output that has several a row. */
interface LastRow {
  readonly values: Float64Array;
  isThere: boolean;
}

/** Counts {@link OutputHealth}. */
export class OutputHealthCounter {
  readonly #last = new Map<string, LastRow>();
  #faults = new Uint8Array(1);
  #rows = 0;
  #nan = 0;
  #infinite = 0;
  #saturated = 0;
  #constant = 0;

  get counts(): OutputHealth {
    return {
      rows: this.#rows,
      nan: this.#nan,
      infinite: this.#infinite,
      saturated: this.#saturated,
      constant: this.#constant,
    };
  }

  /**
   * @param rows - how many the outputs have
   * @param weight - how many rows each stands for
   */
  add(outputs: RowTensors, rows: number, weight = 1): void {
    this.#rows += rows * weight;
    if (rows > this.#faults.length) this.#faults = new Uint8Array(rows);
    const faults = this.#faults.fill(0, 0, rows);
    let isCompared = false;
    for (const [name, tensor] of tensorsOf(outputs)) {
      if (tensor.type === 'string' || !isReadable(tensor.type) || tensor.dims[0] !== rows) continue;
      const width = tensor.data.length / rows;
      if (!Number.isInteger(width)) continue;
      const read = elementReader(tensor, name);
      const isWide = width > 1;
      if (isWide) isCompared = true;
      const last = this.#lastOf(name, isWide ? width : 0);
      for (let row = 0; row < rows; row++) {
        faults[row] = (faults[row] ?? 0) | this.#look(tensor, read, row * width, width, last);
      }
    }
    for (let row = 0; row < rows; row++) {
      const found = faults[row] ?? 0;
      if (found === 0 && !isCompared) continue;
      if (found & NAN) this.#nan += weight;
      if (found & INFINITE) this.#infinite += weight;
      if (found & SATURATED) this.#saturated += weight;
      if (isCompared && !(found & CHANGED)) this.#constant += weight;
    }
  }

  /** The values of the row before. */
  #lastOf(name: string, width: number): LastRow {
    const known = this.#last.get(name);
    if (known?.values.length === width) return known;
    const last = { values: new Float64Array(width), isThere: false };
    this.#last.set(name, last);
    return last;
  }

  /** What is wrong with a row of one output. */
  #look(
    tensor: RowTensor,
    read: ElementReader,
    from: number,
    width: number,
    last: LastRow,
  ): number {
    const { values, isThere } = last;
    let found = values.length > 0 && !isThere ? CHANGED : 0;
    for (let index = 0; index < width; index++) {
      const value = Number(read(from + index));
      if (Number.isNaN(value)) found |= NAN;
      else if (value === Infinity || value === -Infinity) found |= INFINITE;
      if (values.length === 0) continue;
      if (!Object.is(value, values[index])) found |= CHANGED;
      values[index] = value;
    }
    last.isThere = true;
    return isSaturated(tensor, from, width, values) ? found | SATURATED : found;
  }
}

function isSaturated(
  { type, data, quantization }: RowTensor,
  from: number,
  width: number,
  values: Float64Array,
): boolean {
  const limit = limits[type];
  if (!limit || width < 2) return false;
  if (quantization && scoreKind(values) === 'probabilities') return false;
  let ends = 0;
  for (let index = 0; index < width; index++) {
    if (limit.includes(Number(data[from + index]))) ends++;
  }
  return ends * 2 >= width;
}
