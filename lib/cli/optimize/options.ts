import type { OptimizeLevel } from '../../optimize/simplify/runtime-level';
import { checkOutputs, choice, seconds, text, wholeNumber } from '../arguments';
import type { Protocol } from '../bench/schedule';
import { UsageError, type ParsedArguments } from '../command';

/** Everything a command line of `onlite optimize` says. */
export interface OptimizeCommand {
  readonly input: string;
  readonly output: string;
  readonly level: OptimizeLevel;
  readonly data?: string;
  readonly samples?: number;
  /** How load time and latency are measured; undefined if they are not. */
  readonly speed?: Protocol;
  readonly save?: string;
}

const BLOCKS = 4;
const WARM_UP_MS = 200;

function protocol(args: ParsedArguments): Protocol | undefined {
  const duration = seconds(args, 'duration', 0.001);
  const processes = wholeNumber(args, 'processes', 1);
  if (args.values['no-speed'] === true) {
    const asked = ['duration', 'processes'].find((name) => args.values[name] !== undefined);
    if (asked !== undefined) throw new UsageError(`--no-speed and --${asked}: give one of them`);
    return undefined;
  }
  return {
    processes: processes ?? 5,
    blocks: BLOCKS,
    total: { seconds: duration ?? 1 },
    warmUpMs: WARM_UP_MS,
    profileRuns: 0,
  };
}

const given = (name: string, value: unknown): object =>
  value === undefined ? {} : { [name]: value };

/** @throws UsageError */
export function parseOptimizeOptions(args: ParsedArguments): OptimizeCommand {
  const [input, output, unexpected] = args.positionals;
  if (input === undefined || output === undefined) throw new UsageError('IN and OUT are needed');
  if (unexpected !== undefined) throw new UsageError(`unexpected argument '${unexpected}'`);
  checkOutputs(args, ['save'], [input, output]);
  const data = text(args, 'data');
  const samples = wholeNumber(args, 'samples', 1);
  if (samples !== undefined && data === undefined) throw new UsageError('--samples: needs --data');
  return {
    input,
    output,
    level: choice(args, 'level', ['portable', 'runtime'] as const) ?? 'portable',
    ...given('data', data),
    ...given('samples', samples),
    ...given('speed', protocol(args)),
    ...given('save', text(args, 'save')),
  };
}
