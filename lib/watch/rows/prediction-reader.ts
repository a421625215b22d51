import { OnliteError, invalidArgument } from '../../errors';
import { scoreKind } from '../../optimize/measures/divergence';
import { elementReader, type ElementReader } from './elements';
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
  /**
   * The classes that scores are of, in their order, where an output of classes stands beside them that
   * are not 0, 1, 2 and so on. Default: what a sequence of maps has as its keys (the ZipMap of
   * scikit-learn's classifiers); else the classes that the rows with the greatest score have.
   */
  readonly classes?: readonly (number | string)[];
}

type Entry = readonly [name: string, tensor: RowTensor];

const tasks: readonly string[] = ['classification', 'regression'];

const realTypes = ['float32', 'float64', 'float16', 'bfloat16'];

const isReal = ({ type, quantization }: RowTensor): boolean =>
  realTypes.includes(type) || quantization !== undefined;

function width({ dims }: RowTensor): number {
  let all = 1;
  for (let axis = 1; axis < dims.length; axis++) all *= dims[axis] ?? 1;
  return all;
}

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
  let best = 0;
  for (let index = 1; index < scores.length; index++) {
    if ((scores[index] ?? NaN) > (scores[best] ?? NaN)) best = index;
  }
  return best;
}

function valuesOf(read: ElementReader, from: number, count: number): number[] {
  const values = new Array<number>(count);
  for (let index = 0; index < count; index++) values[index] = Number(read(from + index));
  return values;
}

/** What a score is of: a class of whole numbers, or a name. */
type Class = number | string;

/** A row of scores by class, as ONNX's ZipMap makes them. */
type ScoreMap = ReadonlyMap<bigint | string, number>;

/** The output that is a sequence of as many maps of scores as there are rows. */
function scoreMaps(outputs: RowTensors, rows: number): readonly ScoreMap[] | undefined {
  for (const value of Object.values(outputs) as unknown[]) {
    if (!Array.isArray(value) || value.length !== rows) continue;
    const maps = value as readonly unknown[];
    if (maps.every((map) => map instanceof Map && map.size > 0 && map.size <= MOST_SCORES)) {
      return maps as readonly ScoreMap[];
    }
  }
  return undefined;
}

/** Which of the outputs are read, and how. */
interface Plan {
  readonly names: readonly string[];
  readonly output: number;
  /** −1 for none. */
  readonly scores: number;
}

/** Reads what a model predicted of each row out of its outputs. */
export class PredictionReader {
  readonly #options: PredictionOptions;
  #plan: Plan | undefined;
  #shape = '';
  /** The keys of the maps that were read last. */
  #classes: readonly Class[] = [];

  constructor(options: PredictionOptions = {}) {
    const { task, classes } = options;
    if (task !== undefined && !tasks.includes(task)) {
      throw invalidArgument('prediction.task', 'classification or regression', task);
    }
    const isClass = (each: unknown): boolean => ['number', 'string'].includes(typeof each);
    if (classes !== undefined && !(Array.isArray(classes) && classes.every(isClass))) {
      throw invalidArgument('prediction.classes', 'a list of numbers or strings', classes);
    }
    this.#options = options;
  }

  /** What such outputs predict. */
  taskOf(outputs: RowTensors): WatchedTask {
    const entries = tensorsOf(outputs);
    const [, tensor] = entries[this.#planOf(entries).output] as Entry;
    if (this.#options.task) return this.#options.task;
    return isReal(tensor) && width(tensor) === 1 ? 'regression' : 'classification';
  }

  /**
   * The prediction for each row.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for outputs none of which is a prediction.
   */
  read(outputs: RowTensors): Prediction[] {
    const entries = tensorsOf(outputs);
    const plan = this.#planOf(entries);
    const [name, tensor] = entries[plan.output] as Entry;
    const rows = tensor.dims[0] ?? 1;
    const read = elementReader(tensor, name);
    const count = width(tensor);
    if (count > 1) return this.#ofScores(tensor, read, rows, count);
    const isBinary = isReal(tensor) && this.#options.task === 'classification';
    const scores = isBinary ? undefined : this.#scoresBeside(outputs, entries[plan.scores], rows);
    const predictions = new Array<Prediction>(rows);
    for (let row = 0; row < rows; row++) {
      const value = read(row) ?? NaN;
      if (isBinary) {
        const second = Number(value);
        predictions[row] = { value: second >= 0.5 ? 1 : 0, scores: [1 - second, second] };
      } else predictions[row] = scores ? { value, ...scores(row) } : { value };
    }
    return predictions;
  }

  #ofScores(tensor: RowTensor, read: ElementReader, rows: number, count: number): Prediction[] {
    // Of whole numbers it is not known which probabilities they stand for.
    const areScored = isReal(tensor) && count <= MOST_SCORES;
    const predictions = new Array<Prediction>(rows);
    for (let row = 0; row < rows; row++) {
      const raw = valuesOf(read, row * count, count);
      if (raw.some(Number.isNaN)) predictions[row] = { value: NaN };
      else {
        const value = greatest(raw);
        predictions[row] = areScored ? { value, scores: probabilities(raw) } : { value };
      }
    }
    return predictions;
  }

  /** Which outputs are read: the same for outputs that have the same names, types and widths. */
  #planOf(entries: readonly Entry[]): Plan {
    let shape = '';
    for (const [name, tensor] of entries) {
      const { type, dims, quantization } = tensor;
      shape += `${name},${type},${dims.length},${width(tensor)},${quantization === undefined};`;
    }
    if (this.#plan === undefined || shape !== this.#shape) {
      this.#plan = this.#makePlan(entries);
      this.#shape = shape;
    }
    return this.#plan;
  }

  #makePlan(entries: readonly Entry[]): Plan {
    const { scores } = this.#options;
    const names = entries.map(([name]) => name);
    const output = this.#output(entries, names);
    const beside = entries.findIndex(
      ([name, tensor], index) => index !== output && (scores ? name === scores : isScores(tensor)),
    );
    return { names, output, scores: beside };
  }

  #output(entries: readonly Entry[], names: readonly string[]): number {
    const { output } = this.#options;
    const known = names.join(', ');
    if (output !== undefined) {
      const named = names.indexOf(output);
      if (named >= 0) return named;
      throw invalidArgument('prediction.output', `one of ${known}`, output);
    }
    const isOne = ([, tensor]: Entry): boolean => width(tensor) === 1;
    const isClass = (entry: Entry): boolean => !isReal(entry[1]) && isOne(entry);
    for (const is of [isClass, ([, tensor]: Entry) => isScores(tensor), isOne]) {
      const found = entries.findIndex(is);
      if (found >= 0) return found;
    }
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `outputs: none of ${known} has a class, a number or scores a row; name one as prediction.output`,
    );
  }

  #scoresBeside(
    outputs: RowTensors,
    found: Entry | undefined,
    rows: number,
  ): ((row: number) => Omit<Prediction, 'value'>) | undefined {
    const { classes } = this.#options;
    if (found === undefined) {
      const maps = scoreMaps(outputs, rows);
      return maps && ((row) => this.#ofMap(maps[row] ?? new Map<string, number>()));
    }
    const [name, tensor] = found;
    const read = elementReader(tensor, name);
    const count = width(tensor);
    if (count > MOST_SCORES) return undefined;
    const named = classes?.length === count ? { classes } : {};
    return (row) => ({ scores: probabilities(valuesOf(read, row * count, count)), ...named });
  }

  #ofMap(map: ScoreMap): Omit<Prediction, 'value'> {
    const known = this.#classes;
    let index = 0;
    let isSame = known.length === map.size;
    for (const key of map.keys()) {
      if (!isSame) break;
      isSame = known[index++] === (typeof key === 'bigint' ? Number(key) : key);
    }
    if (!isSame) {
      this.#classes = [...map.keys()].map((key) => (typeof key === 'bigint' ? Number(key) : key));
    }
    return { scores: probabilities([...map.values()]), classes: this.#classes };
  }
}
