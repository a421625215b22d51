import { OnliteError, invalidArgument } from '../../errors';
import { scoreKind } from '../../optimize/measures/divergence';
import { elementReader } from './elements';
import { tensorsOf, type Prediction, type RowTensor, type RowTensors } from './row';

/** What a model predicts: classes, or numbers. */
export type WatchedTask = 'classification' | 'regression';

export interface PredictionOptions {
  /**
   * The output that is the prediction: classes, numbers, or a score for each class. Default: one of
   * whole numbers or strings with one element a row; else one with several scores a row; else one
   * of real numbers with one element a row.
   */
  readonly output?: string;
  /** The output of scores beside an `output` of classes. Default: the only one that can be. */
  readonly scores?: string;
  /**
   * Default: `regression` for an output with one real number a row, else `classification`. With one
   * score a row a classification is of two classes, and the score is the second one's.
   */
  readonly task?: WatchedTask;
}

const tasks: readonly string[] = ['classification', 'regression'];

const realTypes = ['float32', 'float64', 'float16', 'bfloat16'];

const isReal = ({ type, quantization }: RowTensor): boolean =>
  realTypes.includes(type) || quantization !== undefined;

const width = ({ dims }: RowTensor): number => dims.slice(1).reduce((all, dim) => all * dim, 1);

const isScores = (tensor: RowTensor): boolean =>
  isReal(tensor) && tensor.dims.length === 2 && width(tensor) > 1;

function softmax(logits: readonly number[]): number[] {
  const most = logits.reduce((high, value) => Math.max(high, value), -Infinity);
  const powers = logits.map((value) => Math.exp(value - most));
  const sum = powers.reduce((all, value) => all + value, 0);
  return powers.map((value) => value / sum);
}

/** Of more classes a prediction has its class alone, so that what waits for labels stays small. */
const MOST_SCORES = 2048;

/** Scores as probabilities: logits go through a softmax. */
export function probabilities(scores: readonly number[]): number[] {
  return scoreKind(scores) === 'probabilities' ? [...scores] : softmax(scores);
}

function greatest(scores: readonly number[]): number {
  return scores.reduce((best, score, index) => (score > (scores[best] ?? NaN) ? index : best), 0);
}

/** Reads what a model predicted of each row out of its outputs. */
export class PredictionReader {
  readonly #options: PredictionOptions;

  constructor(options: PredictionOptions = {}) {
    const { task } = options;
    if (task !== undefined && !tasks.includes(task)) {
      throw invalidArgument('task', 'classification or regression', task);
    }
    this.#options = options;
  }

  /** What such outputs predict. */
  taskOf(outputs: RowTensors): WatchedTask {
    const [, tensor] = this.#output(outputs);
    if (this.#options.task) return this.#options.task;
    return isReal(tensor) && width(tensor) === 1 ? 'regression' : 'classification';
  }

  /**
   * The prediction for each row.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for outputs none of which is a prediction.
   */
  read(outputs: RowTensors): Prediction[] {
    const [name, tensor] = this.#output(outputs);
    const rows = tensor.dims[0] ?? 1;
    const read = elementReader(tensor, name);
    const count = width(tensor);
    if (count > 1) {
      // Of whole numbers it is not known which probabilities they stand for.
      const areScored = isReal(tensor) && count <= MOST_SCORES;
      return Array.from({ length: rows }, (_, row) => {
        const raw = Array.from({ length: count }, (_unused, index) =>
          Number(read(row * count + index)),
        );
        if (raw.some(Number.isNaN)) return { value: NaN };
        const value = greatest(raw);
        return areScored ? { value, scores: probabilities(raw) } : { value };
      });
    }
    const isBinary = isReal(tensor) && this.#options.task === 'classification';
    const scores = this.#scoresBeside(outputs, name);
    return Array.from({ length: rows }, (_, row): Prediction => {
      const value = read(row) ?? NaN;
      if (isBinary) {
        const second = Number(value);
        return { value: second >= 0.5 ? 1 : 0, scores: [1 - second, second] };
      }
      return scores ? { value, scores: scores(row) } : { value };
    });
  }

  #output(outputs: RowTensors): [string, RowTensor] {
    const { output } = this.#options;
    const entries = tensorsOf(outputs);
    const names = entries.map(([name]) => name).join(', ');
    if (output !== undefined) {
      const named = entries.find(([name]) => name === output);
      if (named) return named;
      throw invalidArgument('output', `one of ${names}`, output);
    }
    const found =
      entries.find(([, tensor]) => !isReal(tensor) && width(tensor) === 1) ??
      entries.find(([, tensor]) => isScores(tensor)) ??
      entries.find(([, tensor]) => width(tensor) === 1);
    if (found) return found;
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `outputs: none of ${names} has a class, a number or scores a row; name one as output`,
    );
  }

  #scoresBeside(outputs: RowTensors, prediction: string): ((row: number) => number[]) | undefined {
    const { scores } = this.#options;
    const found = tensorsOf(outputs).find(
      ([name, tensor]) => name !== prediction && (scores ? name === scores : isScores(tensor)),
    );
    if (!found) return undefined;
    const [name, tensor] = found;
    const read = elementReader(tensor, name);
    const count = width(tensor);
    if (count > MOST_SCORES) return undefined;
    return (row) =>
      probabilities(Array.from({ length: count }, (_, index) => Number(read(row * count + index))));
  }
}
