import type { TensorValueMetadata } from '../../engine/session/metadata';
import type { Feeds, InferenceSession } from '../../engine/session/session';
import { OnliteError, invalidArgument } from '../../errors';
import { elementReader, isReadable } from '../rows/elements';
import { withQuantization, type WithQuantization } from '../rows/real-values';
import type { RowTensors } from '../rows/row';
import type { ModelFunction } from './explain-options';
import { codeOf, RowLayout, type ExplainedInput } from './row-layout';

export interface SessionModelOptions {
  /**
   * The output that is explained. Default: the one of several real numbers a row, else of one, else
   * of classes.
   */
  readonly output?: string;
  readonly signal?: AbortSignal;
}

/** What of a session explanations need. */
export type ExplainedSession = Pick<InferenceSession, 'run' | 'inputMetadata' | 'outputMetadata'>;

const realTypes = ['float32', 'float64', 'float16', 'bfloat16'];

const isReal = ({ type, quantization }: TensorValueMetadata): boolean =>
  realTypes.includes(type) || quantization !== undefined;

/** A row may be judged by its neighbours in a batch only up to a difference that sums explain. */
const TOLERANCE = 1e-3;

function areClose(a: Float64Array, b: Float64Array): boolean {
  const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.every((value, index) => {
    const other = b[index] ?? NaN;
    return Object.is(value, other) || Math.abs(value - other) <= TOLERANCE * largest;
  });
}

/**
 * A session as explanations see it: rows of features in, for each row the values of one output, any
 * number of rows at a time where the model's first dimension is dynamic and rows of a batch do not
 * depend on each other (which is tried), else as many as it has.
 */
export class SessionModel {
  readonly output: string;
  /** Whether the output names a class for each row and has no scores; strings have numbers here. */
  readonly isClass: boolean;
  readonly #layout: RowLayout;
  readonly #session: ExplainedSession;
  readonly #signal: AbortSignal | undefined;
  readonly #outputs: WithQuantization;
  readonly #words: string[] = [];
  #capacity: number;
  /** Whether rows of one batch are known to be independent. */
  #isTried: boolean;

  /**
   * @param sample - feeds that the model takes
   * @throws OnliteError ERR_INVALID_ARGUMENT for an output that the model does not have, and for
   *   inputs or outputs of which none can be explained.
   */
  constructor(session: ExplainedSession, sample: RowTensors, options: SessionModelOptions = {}) {
    this.#session = session;
    this.#signal = options.signal;
    this.#layout = new RowLayout(session.inputMetadata, sample);
    this.#outputs = withQuantization(session.outputMetadata);
    this.#capacity = this.#layout.capacity;
    this.#isTried = this.#capacity !== Infinity;
    const output = chosenOutput(session, options.output);
    this.output = output.name;
    this.isClass = !isReal(output);
  }

  get width(): number {
    return this.#layout.width;
  }

  get inputs(): readonly ExplainedInput[] {
    return this.#layout.inputs;
  }

  get names(): readonly string[] {
    return this.#layout.names;
  }

  rowsOf(feeds: RowTensors): Float64Array[] {
    return this.#layout.rowsOf(feeds);
  }

  /** Rows as the model takes them. */
  feedsOf(rows: readonly Float64Array[]): Feeds {
    return this.#layout.feedsOf(rows);
  }

  /** What a class's number in `ask` stands for. */
  className(code: number): string {
    return this.#words[code] ?? String(code);
  }

  /** The values of the output for each row. */
  readonly ask: ModelFunction = async (rows) => {
    if (!this.#isTried && rows.length > 1) await this.#try(rows);
    const answers: Float64Array[] = [];
    const step = Math.min(this.#capacity, rows.length);
    for (let first = 0; first < rows.length; first += step) {
      answers.push(...(await this.#run(rows.slice(first, first + step))));
    }
    return answers;
  };

  /** Finds out whether a row has the same answer alone and among others. */
  async #try(rows: readonly Float64Array[]): Promise<void> {
    this.#isTried = true;
    const [alone = new Float64Array()] = await this.#run(rows.slice(0, 1));
    const [among] = await this.#run(rows).catch((error: unknown) => {
      if (this.#signal?.aborted) throw error;
      return [];
    });
    if (!among || !areClose(alone, among)) this.#capacity = 1;
  }

  /** @param rows - one run's, fewer than a fixed batch at its end */
  async #run(rows: readonly Float64Array[]): Promise<Float64Array[]> {
    const missing = this.#capacity === Infinity ? 0 : this.#capacity - rows.length;
    const last = rows.at(-1) ?? new Float64Array(this.width);
    const filled = [...rows, ...new Array<Float64Array>(missing).fill(last)];
    const options = this.#signal ? { signal: this.#signal } : {};
    const result = await this.#session.run(this.#layout.feedsOf(filled), options);
    return this.#read(result, filled.length).slice(0, rows.length);
  }

  #read(result: RowTensors, rows: number): Float64Array[] {
    const tensor = this.#outputs(result)[this.output];
    if (!tensor) throw invalidArgument('output', 'a tensor', this.output);
    const length = tensor.dims.reduce((all, dim) => all * dim, 1);
    if (rows > 1 && tensor.dims[0] !== rows) {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        `outputs.${this.output}: [${tensor.dims.join(',')}] has no values for each of ${rows} rows`,
      );
    }
    const width = length / rows;
    const read = elementReader(tensor, `outputs.${this.output}`);
    return Array.from({ length: rows }, (_, row) =>
      Float64Array.from({ length: width }, (_unused, index) => {
        const value = read(row * width + index);
        return typeof value === 'string' ? codeOf(this.#words, value) : (value ?? NaN);
      }),
    );
  }
}

function chosenOutput(
  { outputMetadata }: ExplainedSession,
  wanted: string | undefined,
): TensorValueMetadata {
  const tensors = outputMetadata.filter(
    (value): value is TensorValueMetadata =>
      value.isTensor && (value.type === 'string' || isReadable(value.type)),
  );
  if (wanted !== undefined) {
    const named = tensors.find(({ name }) => name === wanted);
    if (named) return named;
    throw invalidArgument('output', `one of ${tensors.map(({ name }) => name).join(', ')}`, wanted);
  }
  const isWide = ({ shape }: TensorValueMetadata): boolean => shape.at(-1) !== 1;
  const real = tensors.filter(isReal);
  const found =
    real.find((value) => value.shape.length === 2 && isWide(value)) ?? real[0] ?? tensors[0];
  if (found) return found;
  throw new OnliteError('ERR_UNSUPPORTED', 'outputs: none is a tensor that can be explained');
}
