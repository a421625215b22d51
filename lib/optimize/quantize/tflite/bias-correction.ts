import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import type { Samples } from '../../compare/sample';
import { momentsOf, type MatchingRun } from '../matched-model';
import { groupsInOrder, momentMatch, type MomentsByValue } from '../moments';
import type { Workspace } from '../workspace';
import { LAYERS, type LayerRule } from './int8-rules';
import { openTflite, rewriteTflite } from './rewrite';

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
    if (!rule || !editor.constantFloats(operator.inputs[rule.weight])) return [];
    const index = operator.inputs[rule.bias] ?? -1;
    const none = new Float32Array(shape[rule.axis] ?? 0);
    const bias = index < 0 ? none : editor.constantFloats(index);
    return bias ? [{ operator, rule, bias, value: name }] : [];
  });
}

function correctBiases(
  editor: SubgraphEditor,
  reference: MomentsByValue,
  measured: MomentsByValue,
): void {
  for (const { operator, rule, bias, value } of biasedLayers(editor)) {
    const [wanted, found] = [reference.get(value), measured.get(value)];
    if (wanted?.mean.length !== bias.length || found?.mean.length !== bias.length) continue;
    const match = momentMatch(bias, wanted, found, { deviations: false });
    if ((operator.inputs[rule.bias] ?? -1) >= 0) {
      editor.replaceFloats(operator, rule.bias, match.bias);
      continue;
    }
    while (operator.inputs.length <= rule.bias) operator.inputs.push(-1);
    const tensor = { name: `${value}_bias`, shape: [bias.length] };
    operator.inputs[rule.bias] = editor.addConstant(tensor, match.bias);
  }
}

/** The values that {@link writeMatchedTflite} measures, in the groups in which it does. */
function groupedValues(editor: SubgraphEditor): Set<string>[] {
  const nameOf = (index: number): string => editor.tensor(index)?.name ?? '';
  const steps = editor.graph.operators.map(({ inputs, outputs }) => ({
    inputs: inputs.map(nameOf),
    outputs: outputs.map(nameOf),
  }));
  const values = new Set(biasedLayers(editor).map(({ value }) => value));
  return values.size === 0 ? [] : groupsInOrder(steps, values, ROUNDS);
}

export interface TfliteMatching extends Pick<MatchingRun, 'session' | 'signal'> {
  /** A float model whose tensors have names of their own. */
  readonly float: string;
  /** Writes its quantised form. */
  readonly coarsen: (float: string) => Promise<string>;
  readonly samples: () => Samples;
}

/**
 * Writes a float model whose layers, when it is quantised, make on average over the samples what the
 * float model's make. Means are those behind a layer's own activation: where that cuts values off, a
 * bias is changed by less than would be right, never by more.
 *
 * @returns the file; undefined where the model has no bias to correct
 */
export async function writeMatchedTflite(
  { float, coarsen, samples, ...run }: TfliteMatching,
  workspace: Workspace,
): Promise<string | undefined> {
  const groups = groupedValues(await openTflite(float));
  const measure = (file: string, values: ReadonlySet<string>): Promise<MomentsByValue> =>
    momentsOf(file, new Map([...values].map((value) => [value, -1])), samples(), run);
  if (groups.length === 0) return undefined;
  const reference = await measure(float, new Set(groups.flatMap((values) => [...values])));
  let file = float;
  for (const values of groups) {
    const coarse = await coarsen(file);
    const measured = await measure(coarse, values);
    await workspace.discard(coarse);
    const matched = await rewriteTflite(file, workspace, 'matched', (editor) =>
      correctBiases(editor, reference, measured),
    );
    if (file !== float) await workspace.discard(file);
    ({ file } = matched);
  }
  return file;
}
