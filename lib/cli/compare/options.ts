import type { Task } from '../../optimize/compare/quality';
import { choice, decimal, seconds, text, texts, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import type { Protocol } from '../bench/schedule';
import { parseImageOptions } from '../feeds/image-options';
import type { ImageOptions } from '../feeds/images';

/** What a candidate must hold, by option. */
export interface Limits {
  readonly 'max-error'?: number;
  readonly 'min-sqnr'?: number;
  readonly 'min-accuracy'?: number;
  readonly 'min-speedup'?: number;
}
export type Limit = keyof Limits;

/** Everything a command line of `onlite compare` says. */
export interface CompareCommand {
  readonly models: readonly string[];
  readonly data?: string;
  readonly images: ImageOptions;
  readonly labels?: string;
  readonly samples?: number;
  readonly seed: number;
  readonly shapes: readonly string[];
  readonly task?: Task;
  readonly output?: string;
  readonly temperature?: number;
  readonly layers: boolean;
  readonly provider?: string;
  readonly threads?: number;
  /** How latency and memory are measured; undefined if they are not. */
  readonly speed?: Protocol;
  readonly limits: Limits;
  readonly save?: string;
  readonly report?: string;
}

const BLOCKS = 4;
const WARM_UP_MS = 500;

function protocol(args: ParsedArguments): Protocol | undefined {
  const duration = seconds(args, 'duration', 0.001);
  const processes = wholeNumber(args, 'processes', 1);
  if (args.values['no-speed'] === true) {
    const asked = ['duration', 'processes', 'min-speedup'].find(
      (name) => args.values[name] !== undefined,
    );
    if (asked !== undefined) throw new UsageError(`--no-speed and --${asked}: give one of them`);
    return undefined;
  }
  return {
    processes: processes ?? 5,
    blocks: BLOCKS,
    total: { seconds: duration ?? 3 },
    warmUpMs: WARM_UP_MS,
    profileRuns: 0,
  };
}

const given = (name: string, value: unknown): object =>
  value === undefined ? {} : { [name]: value };

/** @throws UsageError */
export function parseCompareOptions(args: ParsedArguments): CompareCommand {
  const models = args.positionals;
  if (models.length < 2) throw new UsageError('two MODELs or more are needed');
  const accuracy = decimal(args, 'min-accuracy');
  if (accuracy !== undefined && (accuracy < 0 || accuracy > 1)) {
    throw new UsageError(`--min-accuracy: expected a share from 0 to 1, got ${accuracy}`);
  }
  const temperature = decimal(args, 'temperature');
  if (temperature !== undefined && temperature <= 0) {
    throw new UsageError(`--temperature: expected a number above 0, got ${temperature}`);
  }
  const data = text(args, 'data');
  if (data !== undefined && text(args, 'seed') !== undefined) {
    throw new UsageError('--data and --seed: give one of them');
  }
  return {
    models,
    seed: wholeNumber(args, 'seed', 0) ?? 0,
    shapes: texts(args, 'shape'),
    images: parseImageOptions(args),
    layers: args.values['layers'] === true,
    limits: {
      ...given('max-error', decimal(args, 'max-error')),
      ...given('min-sqnr', decimal(args, 'min-sqnr')),
      ...given('min-accuracy', accuracy),
      ...given('min-speedup', decimal(args, 'min-speedup')),
    },
    ...given('data', data),
    ...given('labels', text(args, 'labels')),
    ...given('samples', wholeNumber(args, 'samples', 1)),
    ...given('task', choice(args, 'task', ['classification', 'regression'] as const)),
    ...given('output', text(args, 'output')),
    ...given('temperature', temperature),
    ...given('provider', text(args, 'provider')),
    ...given('threads', wholeNumber(args, 'threads', 1)),
    ...given('speed', protocol(args)),
    ...given('save', text(args, 'save')),
    ...given('report', text(args, 'report')),
  };
}
