import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { TensorLike } from '../../engine/run/feeds';
import type { ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { isTensor, Tensor } from '../../engine/tensor/tensor';
import type { Label } from '../../optimize/compare/quality';
import { checkedSamples, type Sample } from '../../optimize/compare/sample';
import { invalid } from './files';
import { find, labelArray, unknownInput, withBatch, type Feeds, type SampleSet } from './samples';

/** What a module gives: a function may give it, now or later. */
async function* exported(source: string, where: string): AsyncGenerator {
  try {
    const { default: given } = (await import(pathToFileURL(resolve(source)).href)) as {
      default?: unknown;
    };
    const found: unknown = await (typeof given === 'function' ? (given as () => unknown)() : given);
    if (!isIterable(found)) throw new TypeError('its default export is no iterable of samples');
    yield* found;
  } catch (cause) {
    throw invalid(`${where}: the module fails: ${String(cause)}`, cause);
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** An item is a sample's feeds, or an object of them and labels. */
function sampleOf(item: unknown, inputs: readonly ValueMetadata[]): Sample {
  const isSample =
    typeof item === 'object' && item !== null && 'feeds' in item && !find(inputs, 'feeds');
  return isSample ? (item as Sample) : { feeds: item as Sample['feeds'] };
}

async function* samplesOf(
  items: AsyncIterable<unknown>,
  inputs: readonly ValueMetadata[],
): AsyncGenerator<Sample> {
  for await (const item of items) yield sampleOf(item, inputs);
}

function feedsOf({ feeds }: Sample, inputs: readonly ValueMetadata[], where: string): Feeds {
  const entries = Object.entries(feeds).map(([name, value]): [string, Tensor<ElementType>] => {
    const input = find(inputs, name);
    if (!input) throw unknownInput(name, inputs);
    return [name, withBatch(ownTensor(value, `${where}.${name}`), input)];
  });
  return Object.fromEntries(entries);
}

/** The module may have its tensors from another copy of the package. */
function ownTensor(value: TensorLike | null | undefined, where: string): Tensor<ElementType> {
  if (isTensor(value)) return value;
  try {
    const { type, data, dims } = value ?? ({} as TensorLike);
    return new Tensor(type as ElementType, data as never, dims);
  } catch (cause) {
    throw invalid(`${where}: expected a Tensor`, cause);
  }
}

/**
 * The samples that a module's default export has, each its feeds or {feeds, labels}: an array, an
 * iterable or an async iterable, or a function that gives one. They are kept, for they are gone
 * through more than once.
 *
 * @param limit - no more are taken, of those that have no end
 * @throws OnliteError ERR_INVALID_ARGUMENT where the module fails or has no such samples.
 */
export async function moduleSamples(
  source: string,
  inputs: readonly ValueMetadata[],
  limit: number,
): Promise<SampleSet> {
  const where = `--data ${source}`;
  const kept: Feeds[] = [];
  const labels: (readonly Label[] | undefined)[] = [];
  for await (const sample of checkedSamples(samplesOf(exported(source, where), inputs))) {
    kept.push(feedsOf(sample, inputs, `${where}: samples[${kept.length}]`));
    labels.push(sample.labels);
    if (kept.length >= limit) break;
  }
  const [first] = labels;
  const isLabelled = first !== undefined && labels.every((each) => each !== undefined);
  if (isLabelled && labels.some((each) => each.length !== first.length)) {
    throw invalid(`${where}: expected as many labels for each sample`);
  }
  return {
    count: kept.length,
    sample: (index) => Promise.resolve(kept[index] ?? {}),
    ...(isLabelled ? { labels: labelArray(labels.flat(), `${where}: labels`) } : {}),
  };
}
