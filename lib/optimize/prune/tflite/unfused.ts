import type { OperatorT, SubgraphEditor } from '../../../formats/tflite';
import { LAYERS } from '../../quantize/tflite/int8-rules';

/** The operators that stand for activations of layers, by their numbers in the schema. */
const ACTIVATIONS: ReadonlyMap<number, string> = new Map([
  [1, 'RELU'],
  [2, 'RELU_N1_TO_1'],
  [3, 'RELU6'],
  [4, 'TANH'],
]);

/**
 * Has layers' activations be operators of their own, so that what a layer makes can be looked at: its
 * tensor keeps its name, and what the activation makes of it gets another one.
 */
export function unfuseActivations(editor: SubgraphEditor): void {
  const { graph, model } = editor;
  const activated = new Map<number, number>();
  const after = (index: number): number => activated.get(index) ?? index;
  graph.operators = graph.operators.flatMap((operator): OperatorT[] => {
    operator.inputs = operator.inputs.map(after);
    const name = ACTIVATIONS.get(editor.option(operator, 'fusedActivationFunction'));
    const [output = -1] = operator.outputs;
    const tensor = editor.tensor(output);
    const isLayer = LAYERS.has(editor.operatorName(operator));
    if (!isLayer || !operator.builtinOptions || !tensor || name === undefined) return [operator];
    operator.builtinOptions['fusedActivationFunction'] = 0;
    const added = editor.addTensor({ ...tensor, name: `${tensor.name ?? ''}_activated` });
    activated.set(output, added);
    return [operator, { opcodeIndex: editor.opcode(name, 1), inputs: [output], outputs: [added] }];
  });
  graph.outputs = graph.outputs.map(after);
  for (const { subgraphIndex = 0, outputs } of model.signatureDefs) {
    if (model.subgraphs[subgraphIndex] !== graph) continue;
    for (const map of outputs) map.tensorIndex = after(map.tensorIndex ?? 0);
  }
}
