import { checkOptions, optionalChoice, optionalInteger, wordsOf } from '../../checks';
import type { SessionOptions } from '../../engine/session/session-options';
import { invalidArgument } from '../../errors';
import type { RangeMethod } from '../calibrate/tensor-observer';
import type { Task } from '../compare/quality';
import type { Samples } from '../compare/sample';
import { checkGuardedOptions } from '../guard/check-options';
import type { GuardLimits } from '../guard/guard';
import { targetOfThisMachine, targets, type Target } from './target';

/** `auto` tries those that can make a model quicker: static and dynamic. */
export type QuantizeMethod = 'auto' | 'static' | 'dynamic' | 'weight-only' | 'float16';

/** Where `quantizeModel` is. */
export interface QuantizeProgress {
  readonly stage: 'simplifying' | 'calibrating' | 'trying';
  /** What is tried. */
  readonly name?: string;
  /** Samples that have calibrated. */
  readonly done: number;
  readonly total?: number;
  /** Estimated milliseconds until calibration is done. */
  readonly remainingMs?: number;
}

/** How `quantizeModel` quantises, and what must hold of the result. */
export interface QuantizeOptions extends GuardLimits {
  readonly method?: QuantizeMethod;
  /** Samples whose activations say which ranges integers must cover; iterated several times. */
  readonly data: () => Samples;
  /** How many they are, where that is known. */
  readonly count?: number;
  /** Other samples, perhaps with labels, on which the result is judged. Default the same. */
  readonly heldOut?: () => Samples;
  /** How a static model's ranges are found. Default the method of least noise. */
  readonly calibration?: RangeMethod;
  /** What processors the model is for. Default this machine's. */
  readonly target?: Target;
  /** Bits of a weight, with `weight-only`. Default 4. */
  readonly bits?: 4 | 8;
  /** Weights that share a scale, with `weight-only`: a power of two from 16 to 256. Default 32. */
  readonly blockSize?: number;
  /**
   * `qdq`: standard operators, which the runtime fuses when it loads the model. `qoperator`: the
   * integer operators themselves.
   */
  readonly format?: 'qdq' | 'qoperator';
  /**
   * What activations of a static TensorFlow Lite model become; int16 is for accuracy: no kernel of
   * XNNPACK takes it, and the built-in ones are many times slower. Default `int8`.
   */
  readonly activations?: 'int8' | 'int16';
  /** What a static TensorFlow Lite model takes and gives: floats, or what its activations are. Default `float32`. */
  readonly io?: 'float32' | 'int8' | 'int16';
  /** Nodes by name (or first output) that stay float. */
  readonly exclude?: readonly string[];
  /** Writes the best candidate though it does not hold a limit. */
  readonly force?: boolean;
  readonly session?: SessionOptions;
  /** The output that labels are for. Default the first. */
  readonly output?: string;
  readonly task?: Task;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: QuantizeProgress) => void;
}

/** More nodes than any model has. */

const optionKeys = new Set<keyof QuantizeOptions>([
  'method',
  'data',
  'count',
  'heldOut',
  'calibration',
  'target',
  'bits',
  'blockSize',
  'format',
  'activations',
  'io',
  'exclude',
  'force',
  'session',
  'output',
  'task',
  'signal',
  'onProgress',
  'minSqnr',
  'maxAccuracyLoss',
  'minSpeedup',
]);
const methods = wordsOf('auto', 'static', 'dynamic', 'weight-only', 'float16');

/** How the options are used, once they are checked. */
export type CheckedQuantizeOptions = QuantizeOptions & { readonly target: Target };

const ranges = wordsOf('minmax', 'percentile', 'entropy', 'mse');

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function checkQuantizeOptions(options: QuantizeOptions): CheckedQuantizeOptions {
  const checked = checkOptions(options, 'options', optionKeys);
  optionalChoice(checked, 'method', 'options', methods);
  optionalChoice(checked, 'target', 'options', wordsOf(...targets));
  optionalChoice(checked, 'format', 'options', wordsOf('qdq', 'qoperator'));
  optionalChoice(checked, 'activations', 'options', wordsOf('int8', 'int16'));
  const { activations = 'int8' } = checked;
  optionalChoice(
    checked,
    'io',
    'options',
    wordsOf('float32', activations === 'int16' ? 'int16' : 'int8'),
  );
  optionalInteger(checked, 'count', 'options', 0, Number.MAX_SAFE_INTEGER);
  checkGuardedOptions(checked);
  const { calibration, bits } = checked;
  if (calibration !== undefined) {
    const keys = new Set(['method', 'percentile', 'levels', 'symmetric']);
    const method = checkOptions(calibration, 'options.calibration', keys);
    optionalChoice(method, 'method', 'options.calibration', ranges);
  }
  if (bits !== undefined && bits !== 4 && bits !== 8) {
    throw invalidArgument('options.bits', '4 or 8', bits);
  }
  optionalInteger(checked, 'blockSize', 'options', 16, 256);
  const all = checked as unknown as QuantizeOptions;
  return { ...all, target: all.target ?? targetOfThisMachine() };
}

/** Methods for the sake of size, not of speed. */
const SMALLER: ReadonlySet<QuantizeMethod> = new Set(['weight-only', 'float16'] as const);

/** The methods to try, and the speed that the result must have. */
export function methodsOf({ method = 'auto', activations, minSpeedup }: QuantizeOptions): {
  methods: readonly Exclude<QuantizeMethod, 'auto'>[];
  minSpeedup: number;
} {
  return {
    methods:
      method === 'auto' ? (activations === 'int16' ? ['static'] : ['static', 'dynamic']) : [method],
    minSpeedup: minSpeedup ?? (SMALLER.has(method) || activations === 'int16' ? 0 : 1),
  };
}
