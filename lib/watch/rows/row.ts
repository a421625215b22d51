/** A feature of a row: a number, a category, or null where it is missing. */
export type FeatureValue = number | string | null;

/** The features of one row, by name; the same names in the same order for all rows of a model. */
export type Row = Readonly<Record<string, FeatureValue>>;

/** What a model said of one row. */
export interface Prediction {
  /** A class (a whole number or a name) or, of a regression, a number. */
  readonly value: number | string;
  /** Of each class, where the model gives them: probabilities. */
  readonly scores?: readonly number[];
}

/** A tensor as rows are read from it. */
export interface RowTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<unknown>;
}

export type RowTensors = Readonly<Record<string, RowTensor>>;
