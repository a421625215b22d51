import { elementCount, type GraphEditor, type NodeProto } from '../../../formats/onnx';
import type { ValueTypes } from '../../simplify/value-types';
import { weightTensors } from './onnx-weights';

/** How often a sample is multiplied by each of a layer's weights; undefined where sizes are not known. */
function positionsOf(node: NodeProto, types: ValueTypes): number | undefined {
  const isTransposed = node.opType === 'ConvTranspose';
  const dims = types.dims(isTransposed ? node.input[0] : node.output[0]);
  const sizes = node.opType === 'MatMul' ? dims?.slice(1, -1) : dims?.slice(2);
  if (!sizes?.every((size) => typeof size === 'number')) return undefined;
  return sizes.reduce((product, size) => product * size, 1);
}

/**
 * The multiplications by constant weights that a graph makes for one sample.
 *
 * @param types - of the graph's values; the numbers of their channels do not count
 */
export function countProducts(editor: GraphEditor, types: ValueTypes): number | undefined {
  let count = 0;
  for (const { name, nodes } of weightTensors(editor)) {
    const tensor = editor.constant(name);
    for (const node of nodes) {
      const positions = positionsOf(node, types);
      if (!tensor || positions === undefined) return undefined;
      count += elementCount(tensor) * positions;
    }
  }
  return count;
}
