import type { Quantization } from '../../engine/session/metadata';

/** A feature of a row: a number, a category, or null where it is missing. */
export type FeatureValue = number | string | null;

/** The features of one row, by name; the same names in the same order for all rows of a model. */
export type Row = Readonly<Record<string, FeatureValue>>;

/** What a model said of one row. */
export interface Prediction {
  /** A class (a whole number or a name) or, of a regression, a number; NaN for a row with one. */
  readonly value: number | string;
  /** Of each class, where the model gives them: probabilities. Not of more than 2048 classes. */
  readonly scores?: readonly number[];
  /** What the scores are of, where that is known: `classes[i]` of `scores[i]`. */
  readonly classes?: readonly (number | string)[];
}

/** A tensor as rows are read from it. */
export interface RowTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<unknown>;
  /** By which whole numbers are read as the real ones that they stand for. */
  readonly quantization?: Quantization;
}

/** Tensors by name. Other values, as ONNX's sequences and maps are, are passed over. */
export type RowTensors = Readonly<Record<string, RowTensor>>;

/** Those of the values that are tensors. */
export function tensorsOf(values: RowTensors): [name: string, tensor: RowTensor][] {
  const tensors: [string, RowTensor][] = [];
  for (const name of Object.keys(values)) {
    const value = values[name];
    if (value !== undefined && isTensor(value)) tensors.push([name, value]);
  }
  return tensors;
}

const isTensor = (value: Partial<RowTensor> | null): boolean => Array.isArray(value?.dims);
