import { isStandard, makeInt64s, makeNode, type NodeProto } from '../../../formats/onnx';
import type { Pass } from '../context';
import { reshapeTarget, sameDims } from '../dims';

const reshapes = (node: NodeProto | undefined): node is NodeProto =>
  isStandard(node, 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze');

/** Makes one Reshape, or nothing, of two nodes in a row that only give a tensor other dims. */
export const reshapeChains: Pass = (editor, { types }) => {
  let count = 0;
  for (const second of editor.nodes) {
    const first = editor.producer(second.input[0]);
    if (!editor.has(second) || !reshapes(second) || !reshapes(first)) continue;
    const [source = ''] = first.input;
    const [result = ''] = second.output;
    const [from, to] = [types.dims(source), types.dims(result)];
    if (sameDims(from, to)) {
      editor.setInputs(second, [source]);
      if (editor.bypass(second)) count++;
      else editor.setInputs(second, [first.output[0] ?? '', ...second.input.slice(1)]);
      continue;
    }
    const target = reshapeTarget(from, to);
    if (!target || editor.onlyUser(first.output[0]) !== second) continue;
    editor.removeNode(second);
    editor.removeNode(first);
    const shape = editor.addInitializer(makeInt64s(`${result}_shape`, target));
    editor.addNode(makeNode('Reshape', [source, shape], [result]));
    count++;
  }
  return count;
};
