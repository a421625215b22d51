import {
  findAttribute,
  isStandard,
  makeFloats,
  makeTensor,
  OnnxDataType,
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
  if (int !== undefined) return int64Tensor([int], []);
  const floats = findAttribute(node, 'value_floats')?.floats;
  if (floats) return makeFloats('', floats);
  const ints = findAttribute(node, 'value_ints')?.ints;
  return ints && int64Tensor(ints, [ints.length]);
}

/** Without a way over numbers, which do not hold the greatest integers: a usual end of Slice. */
const int64Tensor = (values: Iterable<bigint>, dims: readonly number[]): TensorProto =>
  makeTensor('', OnnxDataType.INT64, dims, BigInt64Array.from(values));

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
