import { elementReader, isReadable } from '../rows/elements';
import { scoreKind } from '../../optimize/measures/divergence';
import { tensorsOf, type RowTensor, type RowTensors } from '../rows/row';

/** What of a model's outputs tells of a fault by itself, counted by rows. */
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

/** Counts {@link OutputHealth}. */
export class OutputHealthCounter {
  readonly #last = new Map<string, Float64Array>();
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

  /** @param rows - how many the outputs have */
  add(outputs: RowTensors, rows: number): void {
    this.#rows += rows;
    const found = new Map<'nan' | 'infinite' | 'saturated', Set<number>>();
    const mark = (kind: 'nan' | 'infinite' | 'saturated', row: number): void => {
      const set = found.get(kind) ?? new Set();
      found.set(kind, set.add(row));
    };
    const changed = new Set<number>();
    let isCompared = false;
    for (const [name, tensor] of tensorsOf(outputs)) {
      if (tensor.type === 'string' || !isReadable(tensor.type) || tensor.dims[0] !== rows) continue;
      const read = elementReader(tensor, name);
      const width = tensor.data.length / rows;
      const isWide = Number.isInteger(width) && width > 1;
      for (let row = 0; row < rows; row++) {
        const values = new Float64Array(width);
        for (let index = 0; index < width; index++)
          values[index] = Number(read(row * width + index));
        if (values.some(Number.isNaN)) mark('nan', row);
        if (values.some((value) => Math.abs(value) === Infinity)) mark('infinite', row);
        if (isSaturated(tensor, row * width, values)) mark('saturated', row);
        if (!isWide) continue;
        isCompared = true;
        const last = this.#last.get(name);
        if (!last || !values.every((value, index) => Object.is(value, last[index])))
          changed.add(row);
        this.#last.set(name, values);
      }
    }
    this.#nan += found.get('nan')?.size ?? 0;
    this.#infinite += found.get('infinite')?.size ?? 0;
    this.#saturated += found.get('saturated')?.size ?? 0;
    if (isCompared) this.#constant += rows - changed.size;
  }
}

function isSaturated(
  { type, data, quantization }: RowTensor,
  from: number,
  values: Float64Array,
): boolean {
  const limit = limits[type];
  if (!limit || values.length < 2) return false;
  if (quantization && scoreKind(values) === 'probabilities') return false;
  const ends = values.filter((_, index) => limit.includes(Number(data[from + index]))).length;
  return ends * 2 >= values.length;
}
