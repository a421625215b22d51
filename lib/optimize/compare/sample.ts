import { abortError, throwIfAborted } from '../../abort';
import { whenAborted } from '../../engine/run/abort-listeners';
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

/** What is cancelled, in messages. */
const WORK = 'going through the samples';

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
  for (const [index, label] of labels.entries()) {
    if (isLabel(label)) continue;
    const expected = 'a finite number, or an array of them';
    throw invalidArgument(`${path}.labels[${index}]`, expected, label);
  }
  return { feeds, labels };
}

function isLabel(label: unknown): boolean {
  const numbers: readonly unknown[] = Array.isArray(label) ? label : [label];
  return numbers.length > 0 && numbers.every((number) => Number.isFinite(number));
}

type SampleIterator = Iterator<unknown> | AsyncIterator<unknown>;

function iteratorOf(samples: Samples): SampleIterator {
  const iterable = samples as Partial<Iterable<Sample> & AsyncIterable<Sample>> | null | undefined;
  const make: unknown = iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator];
  if (typeof make !== 'function') {
    throw invalidArgument('samples', 'an iterable of samples', samples);
  }
  const iterator: unknown = Reflect.apply(make, samples, []);
  if (typeof (iterator as Partial<SampleIterator> | null | undefined)?.next !== 'function') {
    throw invalidArgument('samples', 'an iterator with a method next', iterator);
  }
  return iterator as SampleIterator;
}

/** @returns undefined at the end */
async function nextOf(iterator: SampleIterator): Promise<{ value: unknown } | undefined> {
  const result: unknown = await iterator.next();
  if (typeof result !== 'object' || result === null) {
    throw invalidArgument('samples', 'an iterator whose next gives objects', result);
  }
  const { done, value } = result as IteratorResult<unknown, unknown>;
  return done === true ? undefined : { value: await value };
}

/** What something comes to, unless the signal fires before. */
async function unlessAborted<Value>(
  pending: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return pending;
  let forget: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    forget = whenAborted(signal, () => reject(abortError(signal.reason, WORK)));
  });
  try {
    return await Promise.race([pending, aborted]);
  } finally {
    forget?.();
  }
}

/** Tells an iterator that no more is wanted. One that was given up may never answer. */
async function close(iterator: SampleIterator, isGivenUp: boolean): Promise<void> {
  const closed = (async () => iterator.return?.())();
  if (isGivenUp) closed.catch(() => undefined);
  else await closed;
}

/**
 * The samples, each checked when it is its turn. The signal ends the wait for one that does not
 * come, too.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for what is no sample, and for none; ERR_CANCELLED or
 *   ERR_TIMEOUT; and what the iterable itself throws.
 */
export async function* checkedSamples(
  samples: Samples,
  signal?: AbortSignal,
): AsyncGenerator<Sample> {
  throwIfAborted(signal, WORK);
  const iterator = iteratorOf(samples);
  let isOpen = true;
  let count = 0;
  try {
    for (;;) {
      const next = await unlessAborted(nextOf(iterator), signal);
      if (!next) break;
      throwIfAborted(signal, WORK);
      yield checkedSample(next.value, `samples[${count}]`);
      throwIfAborted(signal, WORK);
      count++;
    }
    isOpen = false;
  } finally {
    if (isOpen) await close(iterator, signal?.aborted === true);
  }
  if (count === 0) throw new OnliteError('ERR_INVALID_ARGUMENT', 'samples: there are none');
}

/** At most so many items, from all over a list. */
export function spreadOver<Item>(items: readonly Item[], most: number): readonly Item[] {
  const step = Math.max(1, items.length / most);
  const places = Array.from({ length: Math.min(items.length, most) }, (_, index) => index * step);
  return places.flatMap((place) => items.slice(Math.floor(place), Math.floor(place) + 1));
}

/** At most so many of the samples: from all over them where they are an array, else the first. */
export async function* someOf(samples: Samples, most: number): AsyncGenerator<Sample> {
  if (Array.isArray(samples)) {
    yield* spreadOver(samples as readonly Sample[], most);
    return;
  }
  let left = most;
  for await (const sample of samples) {
    yield sample;
    if (--left === 0) return;
  }
}
