import {
  findAttribute,
  isStandard,
  makeFloats,
  makeInt64s,
  type NodeProto,
  type TensorProto,
} from '../../../formats/onnx';
import type { Pass } from '../context';

/** The tensor of a Constant; undefined for strings and sparse ones. */
function constantTensor(node: NodeProto): TensorProto | undefined {
  const value = findAttribute(node, 'value')?.t;
  if (value) return value;
  const float = findAttribute(node, 'value_float')?.f;
  if (float !== undefined) return makeFloats('', [float], []);
  const int = findAttribute(node, 'value_int')?.i;
  if (int !== undefined) return makeInt64s('', [Number(int)], []);
  const floats = findAttribute(node, 'value_floats')?.floats;
  if (floats) return makeFloats('', floats);
  const ints = findAttribute(node, 'value_ints')?.ints;
  return ints && makeInt64s('', ints.map(Number));
}

/** Makes initializers of Constant nodes. */
export const constantNodes: Pass = (editor) => {
  let count = 0;
  for (const node of editor.nodes) {
    const tensor = isStandard(node, 'Constant') ? constantTensor(node) : undefined;
    const [name = ''] = node.output;
    if (!tensor) continue;
    editor.setInitializer(name, tensor);
    count++;
  }
  return count;
};
