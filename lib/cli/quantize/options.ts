import type { RangeMethod } from '../../optimize/calibrate/tensor-observer';
import type { Task } from '../../optimize/compare/quality';
import type { QuantizeLimits } from '../../optimize/quantize/candidate';
import type { QuantizeMethod } from '../../optimize/quantize/quantize-options';
import { targets, type Target } from '../../optimize/quantize/target';
import type { Protocol } from '../bench/schedule';
import { checkOutputs, choice, decimal, seconds, text, texts, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { parseImageOptions } from '../feeds/image-options';
import type { ImageOptions } from '../feeds/images';

/** Everything a command line of `onlite quantize` says. */
export interface QuantizeCommand {
  readonly input: string;
  readonly output: string;
  readonly data?: string;
  readonly images: ImageOptions;
  readonly test?: string;
  readonly labels?: string;
  readonly samples?: number;
  readonly method: QuantizeMethod;
  readonly calibration?: RangeMethod;
  readonly format: 'qdq' | 'qoperator';
  readonly bits?: 4 | 8;
  readonly blockSize?: number;
  readonly target?: Target;
  readonly exclude: readonly string[];
  readonly task?: Task;
  readonly judged?: string;
  readonly limits: QuantizeLimits;
  readonly force: boolean;
  readonly threads?: number;
  /** How latency and memory are measured at last; undefined if they are not. */
  readonly speed?: Protocol;
  readonly save?: string;
  readonly report?: string;
}

const BLOCKS = 4;
const WARM_UP_MS = 300;
const PROCESSES = 3;
const SECONDS = 1.5;

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

function share(args: ParsedArguments, name: string): number | undefined {
  const value = decimal(args, name);
  if (value !== undefined && (value < 0 || value > 1)) {
    throw new UsageError(`--${name}: expected a share from 0 to 1, got ${value}`);
  }
  return value;
}

function blockSize(args: ParsedArguments): number | undefined {
  const size = wholeNumber(args, 'block-size', 16);
  if (size !== undefined && (size > 256 || (size & (size - 1)) !== 0)) {
    throw new UsageError(`--block-size: expected a power of two from 16 to 256, got ${size}`);
  }
  return size;
}

const given = (name: string, value: unknown): object =>
  value === undefined ? {} : { [name]: value };

/** @throws UsageError */
export function parseQuantizeOptions(args: ParsedArguments): QuantizeCommand {
  const [input, output, more] = args.positionals;
  if (input === undefined || output === undefined) throw new UsageError('IN and OUT are needed');
  if (more !== undefined) throw new UsageError(`unexpected '${more}'`);
  checkOutputs(args, ['save', 'report'], [input, output]);
  const method = choice(args, 'method', METHODS) ?? 'auto';
  const data = text(args, 'data');
  if (data === undefined && !WITHOUT_DATA.has(method)) {
    throw new UsageError(`--data: --method ${method} needs samples to see the activations' ranges`);
  }
  const bits = choice(args, 'bits', ['4', '8'] as const);
  const size = blockSize(args);
  if (method !== 'weight-only' && (bits !== undefined || size !== undefined)) {
    throw new UsageError('--bits and --block-size: need --method weight-only');
  }
  const format = choice(args, 'format', ['qdq', 'qoperator'] as const);
  const usesRanges = method === 'auto' || method === 'static';
  const calibration = rangeMethod(args);
  if (calibration && !usesRanges) {
    throw new UsageError(`--calibration: --method ${method} looks at no activation before it runs`);
  }
  const speed: Protocol = {
    processes: wholeNumber(args, 'processes', 1) ?? PROCESSES,
    blocks: BLOCKS,
    total: { seconds: seconds(args, 'duration', 0.001) ?? SECONDS },
    warmUpMs: WARM_UP_MS,
    profileRuns: 0,
  };
  return {
    input,
    output,
    method,
    format: format ?? (method === 'weight-only' ? 'qoperator' : 'qdq'),
    exclude: texts(args, 'exclude'),
    images: parseImageOptions(args),
    force: args.values['force'] === true,
    limits: {
      ...given('minSqnr', decimal(args, 'min-sqnr')),
      ...given('maxAccuracyLoss', share(args, 'max-accuracy-loss')),
      ...given('minSpeedup', decimal(args, 'min-speedup')),
    },
    ...given('data', data),
    ...given('test', text(args, 'test')),
    ...given('labels', text(args, 'labels')),
    ...given('samples', wholeNumber(args, 'samples', 1)),
    ...given('calibration', calibration),
    ...given('bits', bits === undefined ? undefined : Number(bits)),
    ...given('blockSize', size),
    ...given('target', choice(args, 'target', targets)),
    ...given('task', choice(args, 'task', ['classification', 'regression'] as const)),
    ...given('judged', text(args, 'output')),
    ...given('threads', wholeNumber(args, 'threads', 1)),
    ...given('speed', args.values['no-speed'] === true ? undefined : speed),
    ...given('save', text(args, 'save')),
    ...given('report', text(args, 'report')),
  };
}
