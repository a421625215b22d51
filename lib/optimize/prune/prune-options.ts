import {
  checkOptions,
  optionalBoolean,
  optionalChoice,
  optionalInteger,
  optionalString,
  wordsOf,
} from '../../checks';
import { COMPRESSIONS, requireCompression, type Compression } from '../../compressed-model';
import type { SessionOptions } from '../../engine/session/session-options';
import { invalidArgument } from '../../errors';
import type { Task } from '../compare/quality';
import type { Samples } from '../compare/sample';
import { checkGuardedOptions } from '../guard/check-options';
import type { GuardLimits } from '../guard/guard';
import type { ChannelOptions } from './channel-groups';
import type { ClusterStart, ShareOptions } from './share-weights';
import { ELEMENT, parsePattern, type PruneScope, type ZeroOptions } from './zero-weights';

/** How weights are told apart: by the mean of |w|, the root of that of w², or a magnitude. */
export type PruneMethod = 'l1' | 'l2' | 'threshold';

/** Where `pruneModel` is. */
export interface PruneProgress {
  readonly stage: 'simplifying' | 'pruning' | 'matching' | 'measuring';
}

/** What `pruneModel` takes away, and what must hold of the result. */
export interface PruneOptions extends GuardLimits {
  /** Default `l1`. */
  readonly method?: PruneMethod;
  /** Share of the weights that become zero or, with `structured`, of the channels that go. */
  readonly sparsity?: number;
  /**
   * With the method `threshold`: weights of less magnitude become zero. With `structured`, channels
   * of less importance go, where 1 is the mean of those that are coupled alike.
   */
  readonly threshold?: number;
  /** Among which weights, or channels, the smallest are looked for. Default `global`. */
  readonly scope?: PruneScope;
  /**
   * Weights that become zero together: `element` (default), a block of outputs × inputs such as
   * `4x1`, or N:M, where of each M along the inputs the N largest stay.
   */
  readonly pattern?: string;
  /** Removes channels with all that is coupled to them, instead of zeroing weights. */
  readonly structured?: 'channel';
  /** With `structured`: what is left of channels is a multiple of this where it was one. Default 8. */
  readonly multiple?: number;
  /** Different values that each layer's weights may have at last; by default any number. */
  readonly clusters?: number;
  /** Where k-means starts. Default `kmeans++`. */
  readonly clusterStart?: ClusterStart;
  /** Writes the model compressed, too: `OUT.gz` or `OUT.zst` beside it, which sessions read. */
  readonly compress?: Compression;
  /** Samples of what the model will see; iterated several times. */
  readonly data: () => Samples;
  /** Other samples, perhaps with labels, on which the result is judged. Default the same. */
  readonly heldOut?: () => Samples;
  /** Whether layers are given their old means and deviations on the samples. Default true. */
  readonly match?: boolean;
  /** Nodes by name (or first output) whose weights and channels stay. */
  readonly exclude?: readonly string[];
  /** Writes the best candidate though it does not hold a limit. */
  readonly force?: boolean;
  readonly session?: SessionOptions;
  /** The output that labels are for. Default the first. */
  readonly output?: string;
  readonly task?: Task;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PruneProgress) => void;
}

/** What is done, one after the other. */
export interface Recipe {
  readonly channels?: ChannelOptions;
  readonly zeros?: ZeroOptions;
  readonly sharing?: ShareOptions;
}

export const METHODS = ['l1', 'l2', 'threshold'] as const;
export const SCOPES = ['global', 'layer', 'row', 'channel'] as const;
export const CLUSTER_STARTS = ['kmeans++', 'linear'] as const;

const MAX_MULTIPLE = 256;
const MULTIPLE = 8;
const MOST_CLUSTERS = 2 ** 16;

const optionKeys = new Set<keyof PruneOptions>([
  ...(['method', 'sparsity', 'threshold', 'scope', 'pattern', 'structured', 'multiple'] as const),
  ...([
    'clusters',
    'clusterStart',
    'compress',
    'data',
    'heldOut',
    'match',
    'exclude',
    'force',
  ] as const),
  ...(['session', 'output', 'task', 'signal', 'onProgress'] as const),
  ...(['minSqnr', 'maxAccuracyLoss', 'minSpeedup'] as const),
]);

function checkNumber(value: unknown, path: string, expected: string, holds: boolean): void {
  if (value !== undefined && !(typeof value === 'number' && holds)) {
    throw invalidArgument(path, expected, value);
  }
}

/** @throws OnliteError ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED for a compression that Node has not */
export function checkPruneOptions(options: PruneOptions): PruneOptions {
  const checked = checkOptions(options, 'options', optionKeys);
  optionalChoice(checked, 'method', 'options', wordsOf(...METHODS));
  optionalChoice(checked, 'scope', 'options', wordsOf(...SCOPES));
  optionalChoice(checked, 'structured', 'options', wordsOf('channel'));
  optionalChoice(checked, 'clusterStart', 'options', wordsOf(...CLUSTER_STARTS));
  optionalChoice(checked, 'compress', 'options', wordsOf(...COMPRESSIONS));
  optionalInteger(checked, 'multiple', 'options', 1, MAX_MULTIPLE);
  optionalInteger(checked, 'clusters', 'options', 2, MOST_CLUSTERS);
  optionalBoolean(checked, 'match', 'options');
  optionalString(checked, 'pattern', 'options');
  const { sparsity, threshold } = checked as Partial<PruneOptions>;
  const isShare = sparsity !== undefined && sparsity > 0 && sparsity < 1;
  checkNumber(sparsity, 'options.sparsity', 'a share between 0 and 1', isShare);
  const isMagnitude = threshold !== undefined && threshold > 0 && threshold < Infinity;
  checkNumber(threshold, 'options.threshold', 'a number above 0', isMagnitude);
  checkGuardedOptions(checked);
  const known = checked as unknown as PruneOptions;
  if (known.compress !== undefined) requireCompression(known.compress);
  return known;
}

/** How much is taken away. */
interface Amount {
  readonly sparsity: number;
  readonly threshold?: number;
}

function amountOf({ method, sparsity, threshold }: PruneOptions): Amount | undefined {
  if (method === 'threshold') {
    if (threshold === undefined || sparsity !== undefined) {
      const expected = "a threshold, and no sparsity, with the method 'threshold'";
      throw invalidArgument('options.threshold', expected, threshold);
    }
    return { sparsity: 0, threshold };
  }
  if (threshold !== undefined) {
    throw invalidArgument('options.method', "'threshold', since there is one", method);
  }
  return sparsity === undefined ? undefined : { sparsity };
}

/**
 * What options ask for.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where they ask for nothing, or for what excludes itself.
 */
export function recipeOf(options: PruneOptions): Recipe {
  const { method = 'l1', scope = 'global', structured, clusters } = options;
  const { clusterStart = 'kmeans++', multiple } = options;
  const norm = method === 'l2' ? 'l2' : 'l1';
  const pattern =
    options.pattern === undefined ? ELEMENT : parsePattern(options.pattern, 'options.pattern');
  const amount = amountOf(options);
  const isRatio = pattern.kind === 'n:m';
  if (structured === undefined && multiple !== undefined) {
    throw invalidArgument('options.multiple', "nothing without structured: 'channel'", multiple);
  }
  if (clusters === undefined && options.clusterStart !== undefined) {
    throw invalidArgument('options.clusterStart', 'nothing without clusters', clusterStart);
  }
  if (structured && (scope === 'row' || scope === 'channel')) {
    throw invalidArgument('options.scope', "'global' or 'layer' beside structured", scope);
  }
  if (structured && options.pattern !== undefined && !isRatio) {
    throw invalidArgument('options.pattern', 'N:M or nothing beside structured', options.pattern);
  }
  if (isRatio && amount && !structured) {
    throw invalidArgument(
      'options.pattern',
      'no sparsity and no threshold beside N:M',
      options.pattern,
    );
  }
  const needsAmount = structured !== undefined || (options.pattern !== undefined && !isRatio);
  if (!amount && (needsAmount || (!isRatio && clusters === undefined))) {
    throw invalidArgument('options.sparsity', 'a share between 0 and 1', undefined);
  }
  const zeros: ZeroOptions = { norm, scope, pattern, ...(amount ?? { sparsity: 0 }) };
  return {
    ...(structured && amount
      ? { channels: { norm, scope, multiple: multiple ?? MULTIPLE, ...amount } }
      : {}),
    ...(isRatio || (!structured && amount) ? { zeros } : {}),
    ...(clusters === undefined ? {} : { sharing: { clusters, start: clusterStart } }),
  };
}
