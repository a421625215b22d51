import { makeFloats, type GraphEditor } from '../../formats/onnx';
import { constantFloats, replaceFloats, type ConstantInput } from '../linear/constant-input';
import { biasOf, isPlain, LinearLayer } from '../linear/linear-layer';
import { groupsInOrder, momentMatch, type MatchedMoments, type MomentsByValue } from './moments';

export interface MomentMatchingOptions {
  /** The model file's, for external data. */
  readonly folder?: string;
  /** Match deviations, too, by factors of the weights' channels; false by default. */
  readonly deviations?: boolean;
}

/** A layer whose bias has been changed. */
export interface BiasCorrection {
  /** What the layer makes, its bias added. */
  readonly value: string;
  /** The new bias, one element a channel. */
  readonly bias: Float32Array;
  /** The greatest change of a mean, in deviations of the reference's channel. */
  readonly greatestShift: number;
}

interface BiasedLayer {
  readonly weights: LinearLayer;
  /** The input, which is '' where the layer has none yet. */
  readonly bias: ConstantInput;
  readonly value: string;
}

function biasedLayers(editor: GraphEditor, folder?: string): BiasedLayer[] {
  return editor.nodes.flatMap((node) => {
    const weights = LinearLayer.of(editor, node, folder);
    if (!weights) return [];
    const hasNone = isPlain(node) && (node.input[2] ?? '') === '';
    const bias = hasNone ? { node, index: 2 } : biasOf(editor, weights);
    return bias ? [{ weights, bias, value: bias.node.output[0] ?? '' }] : [];
  });
}

/**
 * The values whose moments {@link matchMoments} takes, and the axis of their channels: what Conv,
 * Gemm, and MatMul with an Add, make by constant weights of their own.
 */
export function biasedValues(editor: GraphEditor): ReadonlyMap<string, number> {
  return new Map(
    biasedLayers(editor).map(({ weights, value }) => [value, weights.layout.rank > 0 ? 1 : -1]),
  );
}

/**
 * Changes the biases of a float model so that what a coarser one made of it (quantised, pruned)
 * makes the reference's means on average: b′ = b + μ − μ′, and with deviations, w′ = r · w and
 * b′ = r · (b − μ′) + μ for r = σ ∕ σ′. As with Nagel et al. (2019), but by measured means.
 *
 * A layer's mean moves with those of the layers before: see {@link matchMomentsInOrder}.
 *
 * @param reference - of the float model
 * @param measured - of the coarser one; layers that are not in both stay as they are
 * @throws OnliteError as `tensorValues`.
 */
export function matchMoments(
  editor: GraphEditor,
  reference: MomentsByValue,
  measured: MomentsByValue,
  { folder, deviations = false }: MomentMatchingOptions = {},
): BiasCorrection[] {
  return biasedLayers(editor, folder).flatMap((layer) => {
    const wanted = reference.get(layer.value);
    const found = measured.get(layer.value);
    const channels = layer.weights.layout.outputs;
    if (wanted?.mean.length !== channels || found?.mean.length !== channels) return [];
    return [correct(editor, layer, { wanted, found }, { folder, deviations })];
  });
}

function correct(
  editor: GraphEditor,
  { weights, bias, value }: BiasedLayer,
  { wanted, found }: { readonly wanted: MatchedMoments; readonly found: MatchedMoments },
  { folder, deviations }: { readonly folder: string | undefined; readonly deviations: boolean },
): BiasCorrection {
  const { node, layout, outputScale } = weights;
  const isNew = (bias.node.input[bias.index] ?? '') === '';
  const old = isNew ? new Float32Array(layout.outputs) : constantFloats(editor, bias, folder);
  const match = momentMatch(old, wanted, found, { deviations });
  outputScale.set(match.factors);
  if (isNew) {
    const name = `${node.output[0] ?? ''}_bias`;
    editor.setInput(node, bias.index, editor.addInitializer(makeFloats(name, match.bias)));
  } else {
    replaceFloats(editor, bias, match.bias);
  }
  if (deviations) replaceFloats(editor, { node, index: 1 }, weights.scaled());
  return { value, bias: match.bias, greatestShift: match.greatestShift };
}

export interface OrderedMatchingOptions extends MomentMatchingOptions {
  /**
   * How often the coarser model is made and measured: layers are corrected in so many groups, the
   * first in the graph first, 8 by default. In one round a layer is corrected for noise that the
   * correction of those before it takes away: that can leave more of it than there was.
   */
  readonly rounds?: number;
}

/**
 * {@link matchMoments} in the order of the graph, since what corrects a layer moves those behind.
 *
 * @param measure - makes the coarser model of what the editor has now, which is committed, and
 *   measures the values, whose channels are on the axes that are given
 */
export async function matchMomentsInOrder(
  editor: GraphEditor,
  reference: MomentsByValue,
  measure: (axes: ReadonlyMap<string, number>) => Promise<MomentsByValue>,
  { rounds = 8, ...options }: OrderedMatchingOptions = {},
): Promise<BiasCorrection[]> {
  const axes = biasedValues(editor);
  const corrections: BiasCorrection[] = [];
  const steps = (editor.commit().graph?.node ?? []).map(({ input, output }) => ({
    inputs: input,
    outputs: output,
  }));
  for (const values of groupsInOrder(steps, new Set(axes.keys()), rounds)) {
    const own = new Map([...axes].filter(([value]) => values.has(value)));
    editor.commit();
    const measured = await measure(own);
    const wanted = new Map([...reference].filter(([value]) => values.has(value)));
    corrections.push(...matchMoments(editor, wanted, measured, options));
  }
  editor.commit();
  return corrections;
}
