import { COMPRESSIONS } from '../../compressed-model';
import type { Pruning } from '../../optimize/combine/prune-and-quantize';
import type { Task } from '../../optimize/compare/quality';
import {
  CLUSTER_STARTS,
  METHODS,
  SCOPES,
  type PruneOptions,
} from '../../optimize/prune/prune-options';
import {
  checkOutputs,
  choice,
  decimal,
  given,
  share,
  text,
  texts,
  wholeNumber,
} from '../arguments';
import { UsageError, type ParsedArguments } from '../command';
import { parseImageOptions } from '../feeds/image-options';
import {
  guardOutputs,
  parseGuardOptions,
  requireSamples,
  type GuardSettings,
} from '../guard/options';
import type { SampleOptions } from '../guard/samples';

/** What is taken away, as `pruneModel` takes it. */
type Taken = Omit<Pruning, 'match'> & Pick<PruneOptions, 'compress'>;

/** Everything a command line of `onlite prune` says. */
export interface PruneCommand extends SampleOptions, GuardSettings {
  readonly input: string;
  readonly output: string;
  readonly pruning: Taken;
  /** Whether layers are given their old means and deviations on the samples. */
  readonly match: boolean;
  readonly exclude: readonly string[];
  readonly task?: Task;
  readonly judged?: string;
}

/** @throws UsageError */
export function parsePruneOptions(args: ParsedArguments): PruneCommand {
  const [input, output, more] = args.positionals;
  if (input === undefined || output === undefined) throw new UsageError('IN and OUT are needed');
  if (more !== undefined) throw new UsageError(`unexpected '${more}'`);
  checkOutputs(args, guardOutputs, [input, output]);
  requireSamples(args);
  const data = text(args, 'data');
  return {
    input,
    output,
    pruning: {
      ...given('method', choice(args, 'method', METHODS)),
      ...given('sparsity', share(args, 'sparsity')),
      ...given('threshold', decimal(args, 'threshold')),
      ...given('scope', choice(args, 'scope', SCOPES)),
      ...given('pattern', text(args, 'pattern')),
      ...given('structured', choice(args, 'structured', ['channel'] as const)),
      ...given('multiple', wholeNumber(args, 'multiple', 1)),
      ...given('clusters', wholeNumber(args, 'clusters', 2)),
      ...given('compress', choice(args, 'compress', COMPRESSIONS)),
      ...given('clusterStart', choice(args, 'cluster-start', CLUSTER_STARTS)),
    },
    // Noise says nothing of the moments that real samples have.
    match: data !== undefined && args.values['no-match'] !== true,
    exclude: texts(args, 'exclude'),
    images: parseImageOptions(args),
    ...parseGuardOptions(args),
    ...given('data', data),
    ...given('test', text(args, 'test')),
    ...given('labels', text(args, 'labels')),
    ...given('samples', wholeNumber(args, 'samples', 1)),
    ...given('task', choice(args, 'task', ['classification', 'regression'] as const)),
    ...given('judged', text(args, 'output')),
  };
}
