import type { RangeMethod } from '../../optimize/calibrate/tensor-observer';
import type { Task } from '../../optimize/compare/quality';
import type { QuantizeMethod } from '../../optimize/quantize/quantize-options';
import { targets, type Target } from '../../optimize/quantize/target';
import { checkOutputs, choice, decimal, given, text, texts, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { parseImageOptions } from '../feeds/image-options';
import {
  guardOutputs,
  parseGuardOptions,
  requireSamples,
  type GuardSettings,
} from '../guard/options';
import type { SampleOptions } from '../guard/samples';
import {
  dtypes,
  layoutFile,
  METHODS_OF,
  type Dtype,
  type TransformersModel,
} from './transformers-layout';

/** Everything a command line of `onlite quantize` says. */
export interface QuantizeCommand extends SampleOptions, GuardSettings {
  readonly input: string;
  /** The file that is written. */
  readonly output: string;
  /** Where that is a part of transformers.js's layout. */
  readonly layout?: TransformersModel;
  readonly method: QuantizeMethod;
  readonly calibration?: RangeMethod;
  readonly format: 'qdq' | 'qoperator';
  readonly activations?: 'int8' | 'int16';
  readonly io?: 'float32' | 'int8' | 'int16';
  readonly bits?: 4 | 8;
  readonly blockSize?: number;
  readonly target?: Target;
  readonly exclude: readonly string[];
  readonly task?: Task;
  readonly judged?: string;
}

const METHODS = ['auto', 'static', 'dynamic', 'weight-only', 'float16'] as const;
const CALIBRATIONS = ['minmax', 'percentile', 'entropy', 'mse'] as const;
/** Methods that look at no activation, and so need no data. */
const WITHOUT_DATA: ReadonlySet<QuantizeMethod> = new Set(['dynamic', 'weight-only', 'float16']);

function rangeMethod(args: ParsedArguments): RangeMethod | undefined {
  const method = choice(args, 'calibration', CALIBRATIONS);
  const percentile = decimal(args, 'percentile');
  if (percentile !== undefined) {
    if (method !== 'percentile')
      throw new UsageError('--percentile: needs --calibration percentile');
    if (!(percentile > 50 && percentile <= 100)) {
      throw new UsageError(`--percentile: expected more than 50, 100 at most, got ${percentile}`);
    }
    return { method, percentile };
  }
  return method && { method };
}

/** @throws UsageError where it does not make what the type says. */
function quantizeMethod(args: ParsedArguments, dtype: Dtype | undefined): QuantizeMethod {
  const method = choice(args, 'method', METHODS);
  const possible = dtype && METHODS_OF[dtype];
  if (method !== undefined && possible?.includes(method) === false) {
    throw new UsageError(`--dtype ${dtype}: is made by --method ${possible.join(', ')}`);
  }
  return method ?? possible?.[0] ?? 'auto';
}

function blockSize(args: ParsedArguments): number | undefined {
  const size = wholeNumber(args, 'block-size', 16);
  if (size !== undefined && (size > 256 || (size & (size - 1)) !== 0)) {
    throw new UsageError(`--block-size: expected a power of two from 16 to 256, got ${size}`);
  }
  return size;
}

/** @throws UsageError */
export function parseQuantizeOptions(args: ParsedArguments): QuantizeCommand {
  const [input, out, more] = args.positionals;
  if (input === undefined || out === undefined) throw new UsageError('IN and OUT are needed');
  if (more !== undefined) throw new UsageError(`unexpected '${more}'`);
  const dtype = choice(args, 'dtype', dtypes);
  const layout = dtype && { folder: out, dtype };
  const output = layout ? layoutFile(input, layout) : out;
  checkOutputs(args, guardOutputs, [input, output]);
  requireSamples(args);
  const method = quantizeMethod(args, dtype);
  const data = text(args, 'data');
  if (data === undefined && !WITHOUT_DATA.has(method)) {
    throw new UsageError(`--data: --method ${method} needs samples to see the activations' ranges`);
  }
  const bits = choice(args, 'bits', ['4', '8'] as const);
  const size = blockSize(args);
  if (method !== 'weight-only' && (bits !== undefined || size !== undefined)) {
    throw new UsageError('--bits and --block-size: need --method weight-only');
  }
  if (dtype === 'q4' && bits === '8')
    throw new UsageError('--dtype q4 and --bits 8: give one of them');
  const format = choice(args, 'format', ['qdq', 'qoperator'] as const);
  const usesRanges = method === 'auto' || method === 'static';
  const activations = choice(args, 'activations', ['int8', 'int16'] as const);
  if (activations && !usesRanges) throw new UsageError('--activations: needs --method static');
  const calibration = rangeMethod(args);
  if (calibration && !usesRanges) {
    throw new UsageError(`--calibration: --method ${method} looks at no activation before it runs`);
  }
  return {
    input,
    output,
    method,
    format: format ?? (method === 'weight-only' ? 'qoperator' : 'qdq'),
    exclude: texts(args, 'exclude'),
    images: parseImageOptions(args),
    ...parseGuardOptions(args),
    ...given('layout', layout),
    ...given('data', data),
    ...given('test', text(args, 'test')),
    ...given('labels', text(args, 'labels')),
    ...given('samples', wholeNumber(args, 'samples', 1)),
    ...given('calibration', calibration),
    ...given('bits', bits === undefined ? undefined : Number(bits)),
    ...given('blockSize', size),
    ...given('activations', activations),
    ...given('io', choice(args, 'io', ['float32', activations ?? 'int8'] as const)),
    ...given('target', choice(args, 'target', targets)),
    ...given('task', choice(args, 'task', ['classification', 'regression'] as const)),
    ...given('judged', text(args, 'output')),
  };
}
