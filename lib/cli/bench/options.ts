import { choice, seconds, text, texts, wholeNumber } from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { METRICS, type Metric } from './metrics';
import type { Protocol } from './schedule';
import { APIS, combinations, type Api, type Setting } from './setting';

/** Everything a command line of `onlite bench` says. */
export interface BenchOptions extends Protocol {
  readonly settings: readonly Setting[];
  readonly inputs: readonly string[];
  readonly shapes: readonly string[];
  readonly signature?: string;
  readonly baseline?: string;
  readonly metric: Metric;
  readonly tolerance: number;
  /** Files to write. */
  readonly save?: string;
  readonly hdr?: string;
  readonly report?: string;
}

/** More combinations than this are a typing mistake, or an afternoon. */
const MAX_SETTINGS = 256;
const BLOCKS = 4;

/** `1,2,8`, several times over. */
function numbers(args: ParsedArguments, name: string, whole: boolean): number[] | undefined {
  const items = texts(args, name).flatMap((value) => value.split(','));
  if (items.length === 0) return undefined;
  return items.map((item) => {
    const value = Number(item);
    const valid = whole
      ? /^\d+$/.test(item) && Number.isSafeInteger(value)
      : /^\d*\.?\d+$/.test(item);
    if (!valid || !(value > 0) || value > 1e9) {
      const expected = whole ? 'whole numbers of at least 1' : 'numbers above 0';
      throw new UsageError(`--${name}: expected ${expected}, e.g. 1,4; got '${item}'`);
    }
    return value;
  });
}

function settingsOf(args: ParsedArguments): Setting[] {
  const models = args.positionals;
  if (models.length === 0) throw new UsageError('MODEL is missing');
  const api: Api = choice(args, 'api', APIS) ?? 'run';
  const providers = texts(args, 'provider').flatMap((value) => value.split(','));
  const concurrency = numbers(args, 'concurrency', true) ?? [1];
  const rates = numbers(args, 'rate', false);
  if (api === 'sync' && (rates !== undefined || concurrency.some((count) => count > 1))) {
    throw new UsageError('--api sync: has one run at a time and no --rate');
  }
  const settings = combinations({
    models,
    providers: providers.length > 0 ? providers : [undefined],
    threads: numbers(args, 'threads', true) ?? [undefined],
    concurrency,
    batches: numbers(args, 'batch', true) ?? [undefined],
    rates: rates ?? [undefined],
    api,
  });
  if (settings.length > MAX_SETTINGS) {
    throw new UsageError(`${settings.length} settings are more than ${MAX_SETTINGS}`);
  }
  return settings;
}

function total(args: ParsedArguments): Protocol['total'] {
  const runs = wholeNumber(args, 'runs', 1);
  const duration = seconds(args, 'duration', 0.001);
  if (runs !== undefined && duration !== undefined) {
    throw new UsageError('--runs and --duration: give one of them');
  }
  return runs === undefined ? { seconds: duration ?? 5 } : { runs };
}

/** @throws UsageError */
export function parseBenchOptions(args: ParsedArguments): BenchOptions {
  const inputs = texts(args, 'input');
  const tolerance = text(args, 'tolerance') ?? '1';
  if (!/^\d*\.?\d+$/.test(tolerance) || Number(tolerance) > 1000) {
    throw new UsageError(`--tolerance: expected percent, e.g. 2, got '${tolerance}'`);
  }
  const optional = (key: 'signature' | 'baseline' | 'save' | 'hdr' | 'report'): object => {
    const value = text(args, key);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    settings: settingsOf(args),
    inputs: inputs.length > 0 ? inputs : ['random'],
    shapes: texts(args, 'shape'),
    total: total(args),
    processes: wholeNumber(args, 'processes', 1) ?? 5,
    blocks: BLOCKS,
    warmUpMs: (seconds(args, 'warmup', 0) ?? 1) * 1000,
    profileRuns: args.values['no-profile'] === true ? 0 : 20,
    metric: choice(args, 'metric', METRICS) ?? 'p50',
    tolerance: Number(tolerance) / 100,
    ...optional('signature'),
    ...optional('baseline'),
    ...optional('save'),
    ...optional('hdr'),
    ...optional('report'),
  };
}
