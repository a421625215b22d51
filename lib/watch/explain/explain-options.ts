import { throwIfAborted } from '../../abort';
import { requireCount } from '../../checks';
import { invalidArgument } from '../../errors';

/** How far an explanation is. */
export interface ExplainProgress {
  /** Rows that the model was asked about. */
  readonly done: number;
  readonly total: number;
}

export interface ExplainOptions {
  /** Rows in one call of the model. Default 64. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ExplainProgress) => void;
  /** Of what is drawn at random. Default 1. */
  readonly seed?: number;
}

/**
 * A model as explanations see it: rows of features in, for each row the outputs that are explained
 * (scores of classes, or one number).
 */
export type ModelFunction = (
  rows: readonly Float64Array[],
) => Promise<readonly ArrayLike<number>[]>;

/** Asks a model about any number of rows, batch by batch. */
export class BatchedModel {
  readonly #model: ModelFunction;
  readonly #options: ExplainOptions;
  readonly batchSize: number;
  readonly #total: number;
  #done = 0;

  /** @param total - rows that will be asked about, for the progress */
  constructor(model: ModelFunction, options: ExplainOptions, total: number) {
    const { batchSize = 64 } = options;
    requireCount(batchSize, 'batchSize');
    this.#model = model;
    this.#options = options;
    this.batchSize = batchSize;
    this.#total = total;
  }

  /** @throws OnliteError ERR_CANCELLED by the signal; what the model throws. */
  async ask(rows: readonly Float64Array[]): Promise<Float64Array[]> {
    const answers: Float64Array[] = [];
    for (let first = 0; first < rows.length; first += this.batchSize) {
      throwIfAborted(this.#options.signal);
      const batch = rows.slice(first, first + this.batchSize);
      const outputs = await this.#model(batch);
      if (outputs.length !== batch.length) {
        throw invalidArgument('model', `an answer for each of ${batch.length} rows`, outputs);
      }
      for (const output of outputs) answers.push(Float64Array.from(output));
      this.#done += batch.length;
      this.#options.onProgress?.({ done: this.#done, total: this.#total });
    }
    return answers;
  }
}
