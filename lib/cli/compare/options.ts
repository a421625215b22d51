import type { Task } from '../../optimize/compare/quality';
import { choice, decimal, given, share, text, texts, wholeNumber } from '../arguments';
import { refuseWithoutSpeed, speedProtocol } from '../bench/protocol-options';
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

/** @throws UsageError */
export function parseCompareOptions(args: ParsedArguments): CompareCommand {
  const models = args.positionals;
  if (models.length < 2) throw new UsageError('two MODELs or more are needed');
  const speed = speedProtocol(args, { seconds: 3, processes: 5, warmUpMs: 500 });
  refuseWithoutSpeed(args, ['min-speedup']);
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
      ...given('min-accuracy', share(args, 'min-accuracy')),
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
    ...given('speed', speed),
    ...given('save', text(args, 'save')),
    ...given('report', text(args, 'report')),
  };
}
