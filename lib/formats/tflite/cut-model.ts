import { subgraphsOf } from './called-subgraphs';
import type { ModelT, OperatorT, SubGraphT } from './objects';
import { removeUnused } from './subgraph-editor';

/** Whether all that an operator does is to compute its outputs. */
const isPure = (operator: OperatorT, { tensors }: SubGraphT): boolean =>
  operator.outputs.length > 0 &&
  operator.customOptions === undefined &&
  operator.builtinOptions2 === undefined &&
  subgraphsOf(operator).length === 0 &&
  [...operator.inputs, ...operator.outputs].every((index) => tensors[index]?.isVariable !== true);

/**
 * Has a model's primary subgraph compute these of its tensors, and nothing that they do not need.
 *
 * @returns false where an operator may do more than compute its outputs: the model is as it was
 */
export function cutModel(model: ModelT, outputs: readonly number[]): boolean {
  const [graph] = model.subgraphs;
  if (!graph?.operators.every((operator) => isPure(operator, graph))) return false;
  const needed = new Set(outputs);
  const kept: OperatorT[] = [];
  for (const operator of [...graph.operators].reverse()) {
    if (!operator.outputs.some((index) => needed.has(index))) continue;
    kept.push(operator);
    for (const index of operator.inputs) needed.add(index);
  }
  graph.operators = kept.reverse();
  graph.outputs = [...outputs];
  for (const signature of model.signatureDefs) {
    if ((signature.subgraphIndex ?? 0) !== 0) continue;
    const isOutput = ({ tensorIndex = 0 }): boolean => outputs.includes(tensorIndex);
    signature.outputs = signature.outputs.filter(isOutput);
  }
  removeUnused(model);
  return true;
}
