import {
  calledSubgraphs,
  subgraphsOf,
  SubgraphEditor,
  type ModelT,
  type OperatorT,
} from '../../../formats/tflite';

/**
 * Moves constants that an IF hands to its branches into these, where layers can have them as weights.
 * Branches that something else runs, too, and what a branch gives as it is, stay as they are.
 */
export function moveConstantsIntoBranches(model: ModelT): void {
  const used = [
    ...model.subgraphs.flatMap(({ operators }) => operators.flatMap(subgraphsOf)),
    ...model.signatureDefs.map(({ subgraphIndex = 0 }) => subgraphIndex),
  ];
  const isOwn = (branch: number): boolean => used.filter((each) => each === branch).length === 1;
  for (const index of calledSubgraphs(model)) {
    const editor = new SubgraphEditor(model, index);
    for (const operator of editor.graph.operators) {
      const branches = subgraphsOf(operator);
      if (editor.operatorName(operator) !== 'IF' || !branches.every(isOwn)) continue;
      const editors = branches.map((branch) => new SubgraphEditor(model, branch));
      moveConstants(editor, operator, editors);
    }
  }
}

function moveConstants(
  editor: SubgraphEditor,
  operator: OperatorT,
  branches: readonly SubgraphEditor[],
): void {
  // The first input is the condition.
  for (let position = operator.inputs.length - 1; position > 0; position--) {
    const index = operator.inputs[position];
    const inputs = branches.map(({ graph }) => graph.inputs[position - 1] ?? -1);
    const isGiven = branches.some(({ graph }, at) => graph.outputs.includes(inputs[at] ?? -1));
    if (!editor.constantBytes(index) || isGiven) continue;
    for (const [at, { graph }] of branches.entries()) {
      const input = inputs[at] ?? -1;
      const tensor = graph.tensors[input];
      const { buffer = 0 } = editor.tensor(index) ?? {};
      if (tensor) graph.tensors[input] = { ...tensor, buffer };
      graph.inputs.splice(position - 1, 1);
    }
    operator.inputs.splice(position, 1);
  }
}
