import { checkArray, checkOptions, optionalInteger, type Unchecked } from '../../checks';
import { invalidArgument } from '../../errors';
import type { NativeBatching } from '../addon/native';

/**
 * How concurrent runs are gathered into one, along the first dimension of every
 * input and output. Runs are gathered if they ask for the same outputs and
 * their inputs differ in that dimension only; the others, and runs with options
 * of the runtime's (`tag`, `extra`, log levels), run by themselves.
 *
 * The model's rows must not depend on each other: onlite cannot see that. What
 * it sees is refused with ERR_UNSUPPORTED when the session is created: an output
 * or another input whose first dimension has another name than the inputs'. If a
 * batch fails, or an output does not have the batch's rows, its runs are made
 * one by one, and each has its own result or error; after an output of other rows
 * the session batches no more. Whether a row's last bits are the same in a batch
 * is up to the runtime's kernels.
 */
export interface BatchingOptions {
  /** Rows of a batch, at most; a run of more rows is made by itself. 1 to 65536. */
  maxBatchSize: number;
  /**
   * How long a run waits for others before its batch is queued, in milliseconds.
   * Default 0: what comes together while the session is busy makes a batch.
   */
  maxDelayMs?: number;
  /**
   * Rows that a batch may be run with, ascending; the last one is `maxBatchSize`.
   * A batch is filled up to the next of them with copies of its last row, whose
   * results are dropped. Few sizes spare a runtime that plans anew for each
   * shape, as TensorFlow Lite does. Left out: any number of rows.
   */
  allowedSizes?: readonly number[];
}

const keys: ReadonlySet<string> = new Set<keyof BatchingOptions>([
  'maxBatchSize',
  'maxDelayMs',
  'allowedSizes',
]);

const maxRows = 65_536;
const maxDelay = 60_000;
const maxSizes = 1024;

/**
 * Checks `options.batching`.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT naming the option.
 */
export function checkBatching(value: unknown, path: string): NativeBatching | undefined {
  if (value === undefined) return undefined;
  const options = checkOptions(value, path, keys);
  const maxBatchSize = optionalInteger(options, 'maxBatchSize', path, 1, maxRows);
  if (maxBatchSize === undefined) {
    throw invalidArgument(`${path}.maxBatchSize`, `an integer from 1 to ${maxRows}`, undefined);
  }
  return {
    maxBatchSize,
    maxDelayMs: delay(options, path),
    allowedSizes: sizes(options['allowedSizes'], `${path}.allowedSizes`, maxBatchSize),
  };
}

function delay(options: Unchecked, path: string): number {
  const value = options['maxDelayMs'];
  if (value === undefined) return 0;
  if (typeof value !== 'number' || !(value >= 0 && value <= maxDelay)) {
    throw invalidArgument(`${path}.maxDelayMs`, `a number from 0 to ${maxDelay}`, value);
  }
  return value;
}

function sizes(value: unknown, path: string, maxBatchSize: number): number[] {
  if (value === undefined) return [];
  const checked: number[] = [];
  for (const [index, size] of checkArray(value, path, maxSizes).entries()) {
    const above = checked[index - 1] ?? 0;
    if (typeof size !== 'number' || !Number.isInteger(size) || size <= above) {
      throw invalidArgument(`${path}[${index}]`, `an integer greater than ${above}`, size);
    }
    checked.push(size);
  }
  if (checked.at(-1) !== maxBatchSize) {
    throw invalidArgument(path, `sizes of which the last is maxBatchSize, ${maxBatchSize}`, value);
  }
  return checked;
}
