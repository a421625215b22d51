import { checkOptions, checkString, optionalBoolean, optionalInteger } from '../checks';
import { checkLimits } from '../engine/run/run-options';
import type { ValueMetadata } from '../engine/session/metadata';
import { invalidArgument } from '../errors';
import type { Environment, EnvironmentStage } from './environment/environment';
import type { Feeds } from './samples';

/** Where a conversion is. */
export type ConvertStage =
  | 'importing'
  | 'loading'
  | 'converting'
  | 'checking'
  | 'writing'
  | `environment: ${EnvironmentStage}`;

/** What an input of a source that does not say it itself is like. */
export interface InputShape {
  /** Fixed sizes; the first is the batch. */
  readonly dims: readonly number[];
  /** Of TorchScript's inputs; default float32. */
  readonly type?: 'float32' | 'float64' | 'int32' | 'int64' | 'bool';
}

/** How {@link convertModel} converts. */
export interface ConvertOptions {
  /**
   * A Python that has the converter's packages. By default the environment that onlite has made with
   * those that are pinned.
   */
  readonly python?: string;
  /**
   * Asked before the environment is made that is not there: it is made where this gives true. Without
   * it nothing is fetched, and the conversion fails.
   */
  readonly consent?: (environment: Environment) => boolean | Promise<boolean>;
  /** Inputs by name: sizes instead of those that the source leaves open or does not have. */
  readonly shapes?: Readonly<Record<string, InputShape>>;
  /** TorchScript: the first dimension of every input stays open. */
  readonly dynamicBatch?: boolean;
  /** Of ONNX models; default 18. */
  readonly opset?: number;
  /** Of a SavedModel with several. By default TensorFlow Lite has them all, ONNX `serving_default`. */
  readonly signature?: string;
  /** TensorFlow Lite: weights in float16. */
  readonly float16?: boolean;
  /** Opens sources that may run code: pickles (joblib's too), types that skops does not know, Lambda layers. */
  readonly trust?: boolean;
  /** The samples of the check, in the source's terms; random ones by default. */
  readonly samples?: (
    inputs: readonly ValueMetadata[],
  ) => Iterable<Feeds> | AsyncIterable<Feeds> | Promise<Iterable<Feeds> | AsyncIterable<Feeds>>;
  /** Random samples of each batch size (default 4), and their seed (default 0). */
  readonly count?: number;
  readonly seed?: number;
  /** Greatest absolute error of an output; default a thousandth of its greatest value. */
  readonly maxError?: number;
  /** Writes the model though the check does not hold. */
  readonly force?: boolean;
  /** Threads of the check's runs. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onStage?: (stage: ConvertStage) => void;
}

const keys: ReadonlySet<string> = new Set<keyof ConvertOptions>([
  'python',
  'consent',
  'shapes',
  'dynamicBatch',
  'opset',
  'signature',
  'float16',
  'trust',
  'samples',
  'count',
  'seed',
  'maxError',
  'force',
  'threads',
  'signal',
  'onStage',
]);

const TYPES: readonly unknown[] = ['float32', 'float64', 'int32', 'int64', 'bool', undefined];

function checkShapes(shapes: unknown): void {
  if (shapes === undefined) return;
  if (typeof shapes !== 'object' || shapes === null || Array.isArray(shapes)) {
    throw invalidArgument('options.shapes', 'an object', shapes);
  }
  for (const [name, shape] of Object.entries(shapes) as [string, Partial<InputShape> | null][]) {
    const path = `options.shapes.${name}`;
    if (typeof shape !== 'object' || shape === null || !Array.isArray(shape.dims)) {
      throw invalidArgument(path, 'an object with dims', shape);
    }
    const isSize = (dim: unknown): boolean => Number.isSafeInteger(dim) && (dim as number) > 0;
    const wrong = shape.dims.findIndex((dim) => !isSize(dim));
    if (wrong >= 0) {
      throw invalidArgument(`${path}.dims[${wrong}]`, 'a size of at least 1', shape.dims[wrong]);
    }
    if (!TYPES.includes(shape.type)) {
      throw invalidArgument(`${path}.type`, TYPES.filter(Boolean).join(', '), shape.type);
    }
  }
}

/** @throws OnliteError ERR_INVALID_ARGUMENT with the path of what is wrong */
export function checkConvertOptions(options: ConvertOptions): ConvertOptions {
  const checked = checkOptions(options, 'options', keys);
  for (const name of ['python', 'signature']) {
    if (checked[name] !== undefined) checkString(checked[name], `options.${name}`);
  }
  for (const name of ['dynamicBatch', 'float16', 'trust', 'force']) {
    optionalBoolean(checked, name, 'options');
  }
  for (const name of ['consent', 'samples', 'onStage']) {
    if (checked[name] !== undefined && typeof checked[name] !== 'function') {
      throw invalidArgument(`options.${name}`, 'a function', checked[name]);
    }
  }
  optionalInteger(checked, 'opset', 'options', 7, 30);
  optionalInteger(checked, 'count', 'options', 1, 10_000);
  optionalInteger(checked, 'seed', 'options', 0, 2 ** 31);
  optionalInteger(checked, 'threads', 'options', 1, 1024);
  const { maxError } = checked;
  if (maxError !== undefined && !(typeof maxError === 'number' && maxError >= 0)) {
    throw invalidArgument('options.maxError', 'a number of at least 0', maxError);
  }
  checkShapes(checked['shapes']);
  checkLimits(checked, 'options');
  return { ...options };
}
