import type { TensorLike } from '../../engine/run/feeds';
import { OnliteError, invalidArgument } from '../../errors';
import type { Label } from './quality';

/** What the models are run on once. */
export interface Sample {
  /** By the first model's input names. */
  readonly feeds: Readonly<Record<string, TensorLike | null | undefined>>;
  /** The truth of each row of the output that is judged: a class, or the numbers it should have. */
  readonly labels?: readonly Label[];
}

/** Samples of anything that can be iterated. */
export type Samples = Iterable<Sample> | AsyncIterable<Sample>;

function checkedSample(sample: unknown, path: string): Sample {
  if (typeof sample !== 'object' || sample === null)
    throw invalidArgument(path, 'an object', sample);
  const { feeds, labels } = sample as Sample;
  if (typeof (feeds as unknown) !== 'object' || (feeds as unknown) === null) {
    throw invalidArgument(`${path}.feeds`, 'an object of tensors by input name', feeds);
  }
  if (labels === undefined) return { feeds };
  if (!Array.isArray(labels) || labels.length === 0) {
    throw invalidArgument(`${path}.labels`, 'an array with a label for each row', labels);
  }
  return { feeds, labels };
}

/**
 * The samples, each checked when it is its turn.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for what is no sample, and for none.
 */
export async function* checkedSamples(samples: Samples): AsyncGenerator<Sample> {
  const iterable = samples as Partial<Iterable<Sample> & AsyncIterable<Sample>> | null | undefined;
  if (!iterable?.[Symbol.iterator] && !iterable?.[Symbol.asyncIterator]) {
    throw invalidArgument('samples', 'an iterable of samples', samples);
  }
  let count = 0;
  for await (const sample of samples) {
    yield checkedSample(sample, `samples[${count}]`);
    count++;
  }
  if (count === 0) throw new OnliteError('ERR_INVALID_ARGUMENT', 'samples: there are none');
}
