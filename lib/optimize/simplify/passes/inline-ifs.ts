import { findAttribute, isStandard, OnnxDataType, tensorValues } from '../../../formats/onnx';
import type { Pass } from '../context';

/** Puts the branch of an If whose condition is constant into the graph. */
export const inlineIfs: Pass = (editor) => {
  let count = 0;
  for (const node of editor.nodes) {
    const condition = isStandard(node, 'If') ? editor.constant(node.input[0]) : undefined;
    if (condition?.dataType !== OnnxDataType.BOOL) continue;
    const [value] = tensorValues(condition, OnnxDataType.BOOL);
    const branch = findAttribute(node, value === 0 ? 'else_branch' : 'then_branch')?.g;
    if (!branch || branch.sparseInitializer.length > 0) continue;
    editor.inline(node, branch);
    count++;
  }
  return count;
};
