import type { Task } from '../../optimize/compare/quality';
import type { OptimizeLevel } from '../../optimize/simplify/runtime-level';
import { checkOutputs, choice, given, text, texts, wholeNumber } from '../arguments';
import { refuseWithoutSpeed } from '../bench/protocol-options';
import { UsageError, type ParsedArguments } from '../command';
import { parseImageOptions } from '../feeds/image-options';
import {
  guardOutputs,
  parseGuardOptions,
  requireSamples,
  type GuardSettings,
} from '../guard/options';
import type { SampleOptions } from '../guard/samples';
import { parseCombination, type Combination } from './combined-options';

/** Everything a command line of `onlite optimize` says. */
export interface OptimizeCommand extends SampleOptions, GuardSettings {
  readonly input: string;
  readonly output: string;
  readonly level: OptimizeLevel;
  readonly task?: Task;
  /** The output that labels are for. */
  readonly judged?: string;
  /** What else is done, with its own candidates and samples that judge. */
  readonly combination?: Combination;
}

/** @throws UsageError */
export function parseOptimizeOptions(args: ParsedArguments): OptimizeCommand {
  const [input, output, unexpected] = args.positionals;
  if (input === undefined || output === undefined) throw new UsageError('IN and OUT are needed');
  if (unexpected !== undefined) throw new UsageError(`unexpected argument '${unexpected}'`);
  checkOutputs(args, guardOutputs, [input, output]);
  const combination = parseCombination(args);
  // Whether a model is worth having that is made for speed is measured in any case.
  if (!combination) refuseWithoutSpeed(args, ['min-speedup']);
  const test = text(args, 'test');
  if (test !== undefined && !combination) {
    throw new UsageError('--test: is for --prune and --quantize, --data judges alone');
  }
  if (!combination && texts(args, 'exclude').length > 0) {
    throw new UsageError('--exclude: is for --prune and --quantize');
  }
  requireSamples(args);
  return {
    input,
    output,
    level: choice(args, 'level', ['portable', 'runtime'] as const) ?? 'portable',
    images: parseImageOptions(args),
    ...parseGuardOptions(args),
    ...given('data', text(args, 'data')),
    ...given('test', test),
    ...given('combination', combination),
    ...given('labels', text(args, 'labels')),
    ...given('samples', wholeNumber(args, 'samples', 1)),
    ...given('task', choice(args, 'task', ['classification', 'regression'] as const)),
    ...given('judged', text(args, 'output')),
  };
}
