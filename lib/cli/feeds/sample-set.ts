import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

import type { TensorValueMetadata, ValueMetadata } from '../../engine/session/metadata';
import type { ElementType } from '../../engine/tensor/element-type';
import { Tensor } from '../../engine/tensor/tensor';
import { readNpy, readNpz, type NpyArray } from '../../formats/npy';
import { batchShapes } from '../bench/shapes';
import { invalid, parseJson, readDataFile } from './files';
import { imageSamples, isImage, type ImageOptions } from './images';
import { buildFeeds, fromNpy, MAX_NUMPY_BYTES } from './index';
import { tensorFromJson } from './json-tensor';
import { moduleSamples } from './module-samples';
import {
  find,
  labelArray,
  onlyInput,
  unknownInput,
  withBatch,
  type Feeds,
  type SampleSet,
} from './samples';

/** The arrays and values of data that are labels, unless an input has the name. */
const LABELS = 'labels';
const LABEL = 'label';

/** Random samples, the same for the same seed; a first dynamic dimension is 1 unless it is given. */
export function randomSamples(
  inputs: readonly ValueMetadata[],
  options: { readonly count: number; readonly seed: number; readonly shapes: readonly string[] },
): SampleSet {
  const shapes = batchShapes(inputs, options.shapes, undefined);
  const { count, seed } = options;
  return {
    count,
    sample: (index) => buildFeeds(inputs, { inputs: [`random:${seed + index}`], shapes }),
  };
}

/** How many samples an array holds for an input, and the dims of one; see the command's help. */
function split(
  { dims, name }: { readonly dims: readonly number[]; readonly name: string },
  { shape }: TensorValueMetadata,
): { count: number; dims: readonly number[] } {
  const [first = 1, ...rest] = dims;
  if (dims.length === shape.length + 1) return { count: first, dims: rest };
  if (dims.length === shape.length - 1) return { count: 1, dims: [1, ...dims] };
  if (dims.length !== shape.length) {
    const expected = shape.map((dim) => dim || '?').join(',');
    throw invalid(`--data: '${name}' is [${dims.join(',')}], the model takes [${expected}]`);
  }
  if (dims.length === 0) return { count: 1, dims };
  const batch = typeof shape[0] === 'number' ? shape[0] : 1;
  if (batch === 0 || first % batch !== 0) {
    throw invalid(`--data: the ${first} rows of '${name}' are no batches of ${batch}`);
  }
  return { count: first / batch, dims: [batch, ...rest] };
}

/** Stacked arrays, one for each input; an array of one sample is part of every sample. */
function stacked(
  arrays: ReadonlyMap<string, NpyArray>,
  inputs: readonly ValueMetadata[],
): SampleSet {
  const parts = [...arrays].map(([name, array]) => {
    const input = find(inputs, name);
    if (!input?.isTensor) throw unknownInput(name, inputs);
    const { type, data } = fromNpy(array, input);
    return { name, type, data, ...split({ dims: array.dims, name }, input) };
  });
  const count = Math.max(...parts.map((part) => part.count));
  const odd = parts.find((part) => part.count !== count && part.count !== 1);
  if (odd) throw invalid(`--data: '${odd.name}' has ${odd.count} samples, another ${count}`);
  const sample = (index: number): Promise<Feeds> => {
    const entries = parts.map(({ name, type, data, dims, count: own }) => {
      const length = data.length / own;
      const start = own === 1 ? 0 : index * length;
      return [name, new Tensor(type, data.slice(start, start + length), dims)] as const;
    });
    return Promise.resolve(Object.fromEntries(entries) as Feeds);
  };
  return { count, sample };
}

async function fromArchive(source: string, inputs: readonly ValueMetadata[]): Promise<SampleSet> {
  const arrays = readNpz(await readDataFile('data', source), { maxBytes: MAX_NUMPY_BYTES });
  const labels = find(inputs, LABELS) ? undefined : arrays.get(LABELS);
  if (labels) arrays.delete(LABELS);
  const [only, second] = arrays.values();
  const named =
    only && !second && inputs.length === 1
      ? new Map([[onlyInput(inputs, source).name, only]])
      : arrays;
  return { ...stacked(named, inputs), ...(labels ? { labels } : {}) };
}

/** One line of JSON: an object of inputs by name, or the only input's value. */
function lineFeeds(value: unknown, inputs: readonly ValueMetadata[], where: string): Feeds {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const isTensor = isObject && 'data' in value && !find(inputs, 'data');
  const entries = Object.entries(
    isObject && !isTensor ? value : { [onlyInput(inputs, where).name]: value },
  ).filter(([name]) => name !== LABEL || find(inputs, name));
  const feeds = entries.map(([name, item]): [string, Tensor<ElementType>] => {
    const input = find(inputs, name);
    if (!input?.isTensor) throw unknownInput(name, inputs);
    const type = input.quantization ? 'float32' : input.type;
    return [name, withBatch(tensorFromJson(item, type, `${where}.${name}`), input)];
  });
  return Object.fromEntries(feeds);
}

async function fromLines(source: string, inputs: readonly ValueMetadata[]): Promise<SampleSet> {
  const text = (await readDataFile('data', source)).toString('utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const at = (index: number): string => `--data ${source}, sample ${index + 1}`;
  const parsed = (index: number): unknown => parseJson(at(index), lines[index] ?? '');
  const labels = find(inputs, LABEL) ? [] : lines.map((_, index) => labelOf(parsed(index)));
  return {
    count: lines.length,
    sample: async (index) => Promise.resolve(lineFeeds(parsed(index), inputs, at(index))),
    ...(labels.length > 0 && labels.every((label) => label !== undefined)
      ? { labels: labelArray(labels, `--data ${source}: ${LABEL}`) }
      : {}),
  };
}

const labelOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, LABEL)
    ? (value as Record<string, unknown>)[LABEL]
    : undefined;

/** How {@link readSamples} reads what does not say it itself. */
export interface SampleOptions {
  readonly images?: ImageOptions;
  /** No more than so many are wanted. */
  readonly limit?: number;
}

/** A folder's files, each a sample, in the order of their names: 2.npy comes before 10.npy. */
async function fromFolder(
  source: string,
  inputs: readonly ValueMetadata[],
  images: ImageOptions,
): Promise<SampleSet> {
  const { compare } = new Intl.Collator('en', { numeric: true });
  const names = (await readdir(source)).sort(compare);
  const filesOf = (isWanted: (name: string) => boolean): string[] =>
    names.filter(isWanted).map((name) => join(source, name));
  const files = filesOf((name) => /\.(npy|npz|json)$/i.test(name));
  const pictures = filesOf(isImage);
  if (pictures.length > 0 && files.length > 0) {
    throw invalid(`--data ${source}: has images and arrays; which are the samples?`);
  }
  if (pictures.length > 0) return imageSamples(pictures, onlyInput(inputs, source), images);
  const sample = async (index: number): Promise<Feeds> => {
    const feeds = await buildFeeds(inputs, { inputs: [files[index] ?? ''], shapes: [] });
    const entries = Object.entries(feeds).map(([name, tensor]) => {
      return [name, withBatch(tensor, find(inputs, name))] as const;
    });
    return Object.fromEntries(entries);
  };
  return { count: files.length, sample };
}

/**
 * The samples of `--data`: a .npz of stacked arrays, a .npy for the only input, a .jsonl with
 * a sample a line, a folder with a sample a file, images too, or a module that has them.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT where they cannot be read or do not fit the inputs;
 *   ERR_UNSUPPORTED for images without the package that reads them.
 */
export async function readSamples(
  source: string,
  inputs: readonly ValueMetadata[],
  options: SampleOptions = {},
): Promise<SampleSet> {
  const set = await readSource(source, inputs, options);
  if (set.count === 0) throw invalid(`--data ${source}: no samples`);
  return set;
}

async function readSource(
  source: string,
  inputs: readonly ValueMetadata[],
  { images = {}, limit = Infinity }: SampleOptions,
): Promise<SampleSet> {
  const isFolder = await stat(source).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return fromFolder(source, inputs, images);
  switch (extname(source).toLowerCase()) {
    case '.npz':
      return fromArchive(source, inputs);
    case '.npy': {
      const array = readNpy(await readDataFile('data', source));
      return stacked(new Map([[onlyInput(inputs, source).name, array]]), inputs);
    }
    case '.jsonl':
      return fromLines(source, inputs);
    case '.mjs':
    case '.cjs':
    case '.js':
      return moduleSamples(source, inputs, limit);
    default:
      throw invalid(`--data ${source}: expected .npz, .npy, .jsonl, .mjs or a folder`);
  }
}
