import { checkOptions } from '../../checks';
import { checkLimits } from '../../engine/run/run-options';
import type { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { isTensor } from '../../engine/tensor/tensor';
import { OnliteError } from '../../errors';
import { isNumeric } from '../../engine/tensor/numbers';
import type { TensorValueMetadata } from '../../engine/session/metadata';
import type { Ends } from '../compare/contender';
import { feedsFor } from '../compare/feeds';
import { likelyLayouts, matchValues } from '../compare/match';
import { alignedValues, outputValues, type OutputValues } from '../compare/output-comparison';
import { checkedSamples, type Sample, type Samples } from '../compare/sample';
import { DifferenceSums, type Difference } from '../measures/difference';
import { readLayeredModel, type Layer } from './layered-model';
import { DEQUANTIZED } from './onnx-layers';

/** How {@link compareLayers} compares. */
export interface LayerOptions {
  /** For both sessions. */
  readonly session?: SessionOptions;
  readonly signal?: AbortSignal;
  /** Called when a sample has been through both models, with the number of them. */
  readonly onSample?: (done: number) => void;
}

/** How far one intermediate tensor of a model is from the other's. */
export interface LayerDifference {
  /** The tensor's name in the reference, and in the candidate. */
  readonly name: string;
  readonly candidateName: string;
  /** The operator that computes it in the reference. */
  readonly operator: string;
  readonly difference: Difference;
  /** Noise over signal, as powers, beyond that of the worst tensor that it is computed from. */
  readonly addedNoise: number;
}

/** What {@link compareLayers} found. */
export interface LayerComparison {
  /** In the reference's order of computation. */
  readonly layers: readonly LayerDifference[];
  /** The layer that adds most noise; absent where none adds more than float32 rounding does. */
  readonly partsAt?: string;
}

const optionKeys = new Set<keyof LayerOptions>(['session', 'signal', 'onSample']);

/** Added noise up to here, −100 dB, is the rounding of float32. */
const ROUNDING = 1e-10;

/** Bytes of a model's layers that are kept while the other is not there. */
const ROOM = 64 * 2 ** 20;

interface Pair {
  readonly layer: Layer;
  readonly candidateName: string;
}

/** Activations that a quantiser leaves to the range of the tensor before them. */
const CLIPPING = new Set(['Relu', 'Clip']);

/** The activation that alone uses a layer, by the layer's name. */
function activations(layers: readonly Layer[]): ReadonlyMap<string, Layer> {
  const uses = new Map<string, Layer[]>();
  for (const layer of layers) {
    for (const input of layer.inputs) uses.set(input, [...(uses.get(input) ?? []), layer]);
  }
  const found = new Map<string, Layer>();
  for (const [name, [only, second]] of uses) {
    if (only && !second && CLIPPING.has(only.operator)) found.set(name, only);
  }
  return found;
}

/** Each layer of the reference with its counterpart; a clipped one stands for its activation. */
function pairsOf(reference: readonly Layer[], candidate: readonly Layer[]): Pair[] {
  const names = new Set(candidate.map(({ name }) => name));
  const activationOf = activations(reference);
  const counterpart = ({ name }: Layer): string | undefined =>
    [name + DEQUANTIZED, name].find((each) => names.has(each));
  return reference.flatMap((layer): Pair[] => {
    const candidateName = counterpart(layer);
    if (candidateName === undefined) return [];
    const activation = activationOf.get(layer.name);
    const isClipped =
      candidateName !== layer.name && activation && counterpart(activation) === undefined;
    return [{ layer: isClipped ? activation : layer, candidateName }];
  });
}

/** The layers that are tensors of numbers, by name. */
function numericOutputs({ outputMetadata }: Ends): Map<string, TensorValueMetadata> {
  const tensors = outputMetadata.filter(({ isTensor }) => isTensor) as TensorValueMetadata[];
  return new Map(
    tensors.filter(({ type }) => isNumeric(type)).map((output) => [output.name, output]),
  );
}

/** The noise that each layer adds, from the first one to the last. */
function addedNoise(
  layers: readonly Layer[],
  sums: ReadonlyMap<string, DifferenceSums>,
): ReadonlyMap<string, number> {
  const noise = new Map<string, number>();
  const added = new Map<string, number>();
  for (const { name, inputs } of layers) {
    const inherited = Math.max(0, ...inputs.map((input) => noise.get(input) ?? 0));
    const own = sums.get(name)?.noiseToSignal ?? inherited;
    noise.set(name, own);
    added.set(name, own > inherited ? own - inherited : 0);
  }
  return added;
}

/** What a model gives for a sample. */
type Run = (feeds: Sample['feeds']) => Promise<Readonly<Record<string, unknown>>>;

/** Adds up how far a candidate's layers are from what the reference gave. */
async function addSamples(
  [reference, candidate]: readonly [Ends, InferenceSession],
  run: Run,
  pairs: readonly Pair[],
  samples: Samples,
  { signal, onSample }: LayerOptions,
): Promise<ReadonlyMap<string, DifferenceSums>> {
  const inputs = matchValues(reference.inputMetadata, candidate.inputMetadata, 'inputs');
  const layouts = likelyLayouts(inputs.pairs);
  const outputs = [numericOutputs(reference), numericOutputs(candidate)] as const;
  const compared = pairs.flatMap(({ layer: { name }, candidateName }) => {
    const [expected, actual] = [outputs[0].get(name), outputs[1].get(candidateName)];
    return expected && actual ? [{ expected, actual }] : [];
  });
  const sums = new Map<string, DifferenceSums>();
  const options = signal ? { signal } : {};
  let done = 0;
  for await (const { feeds } of checkedSamples(samples, signal)) {
    const results = await run(feeds);
    const own = feedsFor(inputs, reference.inputMetadata, layouts, feeds);
    const others = await candidate.run(own, options);
    for (const { expected, actual } of compared) {
      const values: OutputValues = outputValues(results[expected.name], expected);
      const other = alignedValues(values, outputValues(others[actual.name], actual), layouts);
      // Tensors of one name and other shapes are not the same thing.
      if (!other) continue;
      const found = sums.get(expected.name) ?? new DifferenceSums();
      found.add(values.values, other);
      sums.set(expected.name, found);
    }
    done++;
    onSample?.(done);
  }
  return sums;
}

function runOf(session: InferenceSession, signal: AbortSignal | undefined): Run {
  const { inputMetadata } = session;
  const own = matchValues(inputMetadata, inputMetadata, 'inputs');
  const options = signal ? { signal } : {};
  return (feeds) => session.run(feedsFor(own, inputMetadata, new Map(), feeds), options);
}

const bytesOf = (results: Readonly<Record<string, unknown>>): number =>
  Object.values(results).reduce<number>((sum, value) => {
    const data: unknown = isTensor(value) ? value.data : undefined;
    return sum + (ArrayBuffer.isView(data) ? data.byteLength : 0);
  }, 0);

/**
 * Runs a model on the first samples, and on as many of them as there is room for their layers.
 *
 * @returns those samples, and what gives for each of them what the model gave
 */
async function recorded(
  session: InferenceSession,
  samples: Samples,
  signal: AbortSignal | undefined,
): Promise<{ samples: Sample[]; run: Run }> {
  const run = runOf(session, signal);
  const known = new Map<Sample['feeds'], Awaited<ReturnType<Run>>>();
  const kept: Sample[] = [];
  let room = ROOM;
  for await (const sample of checkedSamples(samples, signal)) {
    const results = await run(sample.feeds);
    room -= bytesOf(results);
    if (room < 0 && kept.length > 0) break;
    known.set(sample.feeds, results);
    kept.push(sample);
  }
  return { samples: kept, run: (feeds) => Promise.resolve(known.get(feeds) ?? {}) };
}

/**
 * Runs two models on the same samples and compares what they compute on their way, to show where
 * they part: tensors of one name, and those that ONNX Runtime's quantiser has renamed. Both models
 * give those tensors as outputs. That keeps the runtime from fusing across them,
 * so results can differ from a normal run's in the last digits.
 *
 * @param models - paths of the reference and of the candidate, ONNX or TensorFlow Lite
 * @throws OnliteError ERR_UNSUPPORTED where the models have no tensor of one name between their
 *   operators; and what loading or a run throws.
 */
export async function compareLayers(
  models: readonly [reference: string, candidate: string],
  samples: Samples,
  options: LayerOptions = {},
): Promise<LayerComparison> {
  checkLimits(checkOptions(options, 'options', optionKeys), 'options');
  return compareSomeLayers(models, samples, options);
}

/** Which layers are compared, and how. */
export interface LayerSelection {
  /** Tensors of the reference by name; others are not computed for their own sake. Default all. */
  readonly only?: ReadonlySet<string>;
  /**
   * Has one model in memory at a time, and compares on the first samples only, as many as there is
   * room for.
   */
  readonly apart?: boolean;
}

/** As {@link compareLayers}, whose options have been checked. */
export async function compareSomeLayers(
  models: readonly [reference: string, candidate: string],
  samples: Samples,
  { only, apart = false, ...options }: LayerOptions & LayerSelection,
): Promise<LayerComparison> {
  const [reference, candidate] = [
    await readLayeredModel(models[0]),
    await readLayeredModel(models[1]),
  ];
  const all = pairsOf(reference.layers, candidate.layers);
  const pairs = only ? all.filter(({ layer }) => only.has(layer.name)) : all;
  if (pairs.length === 0) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'layers: the models have no tensors of the same name between their operators',
    );
  }
  const { session = {}, signal } = options;
  const compare = async (ends: Ends, run: Run, own: Samples): Promise<LayerComparison> => {
    const names = pairs.map(({ candidateName }) => candidateName);
    const opened = await candidate.open(names, session);
    try {
      const sums = await addSamples([ends, opened.session], run, pairs, own, options);
      return comparisonOf(reference.layers, pairs, sums);
    } finally {
      await opened.release();
    }
  };
  const opened = await reference.open(
    pairs.map(({ layer }) => layer.name),
    session,
  );
  let first;
  try {
    if (!apart) return await compare(opened.session, runOf(opened.session, signal), samples);
    first = await recorded(opened.session, samples, signal);
  } finally {
    await opened.release();
  }
  return compare(opened.session, first.run, first.samples);
}

function comparisonOf(
  layers: readonly Layer[],
  pairs: readonly Pair[],
  sums: ReadonlyMap<string, DifferenceSums>,
): LayerComparison {
  const added = addedNoise(layers, sums);
  const found = pairs.flatMap(({ layer: { name, operator }, candidateName }): LayerDifference[] => {
    const difference = sums.get(name)?.result;
    if (!difference) return [];
    return [{ name, candidateName, operator, difference, addedNoise: added.get(name) ?? 0 }];
  });
  const worst = found.reduce<LayerDifference | undefined>(
    (most, layer) => (layer.addedNoise > (most?.addedNoise ?? ROUNDING) ? layer : most),
    undefined,
  );
  return { layers: found, ...(worst ? { partsAt: worst.name } : {}) };
}
