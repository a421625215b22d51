import { checkOptions } from '../../checks';
import { checkLimits } from '../../engine/run/run-options';
import type { InferenceSession } from '../../engine/session/session';
import type { SessionOptions } from '../../engine/session/session-options';
import { OnliteError } from '../../errors';
import { isNumeric } from '../../engine/tensor/numbers';
import type { TensorValueMetadata } from '../../engine/session/metadata';
import { feedsFor } from '../compare/feeds';
import { likelyLayouts, matchValues } from '../compare/match';
import { alignedValues, outputValues, type OutputValues } from '../compare/output-comparison';
import { checkedSamples, type Samples } from '../compare/sample';
import { DifferenceSums, type Difference } from '../measures/difference';
import { readLayeredModel, type Layer, type LayeredSession } from './layered-model';
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
function numericOutputs({ outputMetadata }: InferenceSession): Map<string, TensorValueMetadata> {
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

async function addSamples(
  [reference, candidate]: readonly [InferenceSession, InferenceSession],
  pairs: readonly Pair[],
  samples: Samples,
  { signal, onSample }: LayerOptions,
): Promise<ReadonlyMap<string, DifferenceSums>> {
  const inputs = matchValues(reference.inputMetadata, candidate.inputMetadata, 'inputs');
  const layouts = likelyLayouts(inputs.pairs);
  const own = matchValues(reference.inputMetadata, reference.inputMetadata, 'inputs');
  const outputs = [numericOutputs(reference), numericOutputs(candidate)] as const;
  const compared = pairs.flatMap(({ layer: { name }, candidateName }) => {
    const [expected, actual] = [outputs[0].get(name), outputs[1].get(candidateName)];
    return expected && actual ? [{ expected, actual }] : [];
  });
  const sums = new Map<string, DifferenceSums>();
  const options = signal ? { signal } : {};
  let done = 0;
  for await (const { feeds } of checkedSamples(samples, signal)) {
    const names = reference.inputMetadata;
    const results = await reference.run(feedsFor(own, names, new Map(), feeds), options);
    const others = await candidate.run(feedsFor(inputs, names, layouts, feeds), options);
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

/**
 * Runs two models on the same samples and compares what they compute on their way, to show where
 * they part: tensors of one name, and those that ONNX Runtime's quantiser has renamed. Both models
 * are loaded with those tensors as further outputs. That keeps the runtime from fusing across them,
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
  const [reference, candidate] = [
    await readLayeredModel(models[0]),
    await readLayeredModel(models[1]),
  ];
  const pairs = pairsOf(reference.layers, candidate.layers);
  if (pairs.length === 0) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'layers: the models have no tensors of the same name between their operators',
    );
  }
  const opened: LayeredSession[] = [];
  try {
    const { session = {} } = options;
    const names = [
      pairs.map(({ layer }) => layer.name),
      pairs.map(({ candidateName }) => candidateName),
    ] as const;
    const first = await reference.open(names[0], session);
    opened.push(first);
    const second = await candidate.open(names[1], session);
    opened.push(second);
    const sessions = [first.session, second.session] as const;
    const sums = await addSamples(sessions, pairs, samples, options);
    return comparisonOf(reference.layers, pairs, sums);
  } finally {
    for (const each of opened) await each.release();
  }
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
