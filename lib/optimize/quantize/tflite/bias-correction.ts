import {
  cloneModel,
  removeUnused,
  writeTflite,
  type ModelT,
  type OperatorT,
  type SubgraphEditor,
} from '../../../formats/tflite';
import { ofKept, type MatchedModels, type Measure } from '../matched-model';
import { groupsInOrder, momentMatch, type MomentsByValue } from '../moments';
import { LAYERS, type LayerRule } from './int8-rules';
import { TfliteLayer } from './linear-layer';
import { openTflite } from './rewrite';

/** Layers are corrected in so many groups at most, the first in the graph first. */
const ROUNDS = 8;

interface BiasedLayer {
  readonly operator: OperatorT;
  readonly rule: LayerRule;
  readonly bias: Float32Array;
  readonly value: string;
}

/** The layers with constant weights whose bias is constant, or that have none yet. */
function biasedLayers(editor: SubgraphEditor): BiasedLayer[] {
  return editor.graph.operators.flatMap((operator) => {
    const rule = LAYERS.get(editor.operatorName(operator));
    const { shape = [] } = editor.tensor(operator.inputs[rule?.weight ?? -1]) ?? {};
    const { name = '' } = editor.tensor(operator.outputs[0]) ?? {};
    if (!rule || !editor.hasConstantFloats(operator.inputs[rule.weight])) return [];
    const index = operator.inputs[rule.bias] ?? -1;
    const none = new Float32Array(shape[rule.axis] ?? 0);
    const bias = index < 0 ? none : editor.constantFloats(index);
    return bias ? [{ operator, rule, bias, value: name }] : [];
  });
}

/** Gives a layer another bias. */
function setBias(editor: SubgraphEditor, layer: BiasedLayer, bias: Float32Array): void {
  const { operator, rule, value } = layer;
  if ((operator.inputs[rule.bias] ?? -1) >= 0) {
    editor.replaceFloats(operator, rule.bias, bias);
    return;
  }
  while (operator.inputs.length <= rule.bias) operator.inputs.push(-1);
  const tensor = { name: `${value}_bias`, shape: [bias.length] };
  operator.inputs[rule.bias] = editor.addConstant(tensor, bias);
}

function matchMoments(
  editor: SubgraphEditor,
  reference: MomentsByValue,
  measured: MomentsByValue,
  { deviations }: { readonly deviations: boolean },
): void {
  for (const layer of biasedLayers(editor)) {
    const { operator, rule, bias, value } = layer;
    const [wanted, found] = [reference.get(value), measured.get(value)];
    if (wanted?.mean.length !== bias.length || found?.mean.length !== bias.length) continue;
    const weights = deviations ? TfliteLayer.of(editor, operator) : undefined;
    const match = momentMatch(bias, wanted, found, { deviations: weights !== undefined });
    setBias(editor, layer, match.bias);
    if (!weights) continue;
    weights.outputScale.set(match.factors);
    editor.replaceFloats(operator, rule.weight, weights.scaled());
  }
}

/** Gives the layers of a model the weights and biases that those of the same names have in another. */
export function copyLayers(editor: SubgraphEditor, from: SubgraphEditor): void {
  const others = new Map(biasedLayers(from).map((layer) => [layer.value, layer]));
  for (const layer of biasedLayers(editor)) {
    const { operator, rule, value } = layer;
    const other = others.get(value);
    if (!other) continue;
    setBias(editor, layer, other.bias);
    const weights = from.constantFloats(other.operator.inputs[rule.weight]);
    if (weights && TfliteLayer.of(editor, operator)) {
      editor.replaceFloats(operator, rule.weight, weights);
    }
  }
}

/** The values that {@link matchedTflite} measures, in the groups in which it does. */
function groupedValues(editor: SubgraphEditor): Set<string>[] {
  const nameOf = (index: number): string => editor.tensor(index)?.name ?? '';
  const steps = editor.graph.operators.map(({ inputs, outputs }) => ({
    inputs: inputs.map(nameOf),
    outputs: outputs.map(nameOf),
  }));
  const values = new Set(biasedLayers(editor).map(({ value }) => value));
  return values.size === 0 ? [] : groupsInOrder(steps, values, ROUNDS);
}

export interface TfliteMatching extends MatchedModels {
  /** Makes of a model that is its own what is measured, such as its quantised form. */
  readonly coarsen?: (model: ModelT) => void;
  /** Match deviations, too, by factors of the weights' channels; false by default. */
  readonly deviations?: boolean;
  readonly measure: Measure;
}

/**
 * A float model whose layers make on average what the reference's make, where they are measured, or
 * do so when they are made coarser. Tensors have names of their own in both. Means are those behind a
 * layer's own activation: where that cuts values off, a bias is changed by less than would be right,
 * never by more.
 *
 * @returns undefined where the model has no bias to correct
 */
export async function matchedTflite({
  reference,
  changed,
  coarsen,
  kept,
  deviations = false,
  measure: by,
}: TfliteMatching): Promise<ModelT | undefined> {
  const editor = await openTflite(changed);
  const groups = groupedValues(editor);
  if (groups.length === 0) return undefined;
  const measure = (model: string | Uint8Array, values: Set<string>): Promise<MomentsByValue> =>
    by(model, new Map([...values].map((value) => [value, -1])));
  const all = new Set(groups.flatMap((values) => [...values]));
  const wanted = ofKept(await measure(reference, all), kept);
  for (const values of groups) {
    const coarse = cloneModel(editor.model);
    coarsen?.(coarse);
    removeUnused(coarse);
    const measured = await measure(writeTflite(coarse), values);
    matchMoments(editor, wanted, measured, { deviations });
    removeUnused(editor.model);
  }
  return editor.model;
}
