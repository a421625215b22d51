import {
  elementCount,
  isStandard,
  makeNode,
  OnnxDataType,
  type NodeProto,
} from '../../../formats/onnx';
import type { Pass, PassContext } from '../context';

const FLOATS: readonly (number | undefined)[] = [
  OnnxDataType.FLOAT,
  OnnxDataType.DOUBLE,
  OnnxDataType.FLOAT16,
];

const multipliesMatrices = (
  { input: [a, b], output }: NodeProto,
  { types }: PassContext,
): boolean =>
  types.rank(a) === 2 && types.rank(b) === 2 && FLOATS.includes(types.elementType(output[0]));

/** Makes a Gemm of a product of matrices to which a constant row is added. */
export const gemms: Pass = (editor, context) => {
  const { types } = context;
  let count = 0;
  for (const node of editor.nodes) {
    if (!isStandard(node, 'MatMul') || !multipliesMatrices(node, context)) continue;
    const add = editor.onlyUser(node.output[0]);
    if (!isStandard(add, 'Add')) continue;
    const bias = add.input.find((name) => name !== node.output[0]) ?? '';
    const tensor = editor.constant(bias);
    const columns = types.dims(node.input[1])?.[1];
    const isRow = tensor?.dims.length === 1 && elementCount(tensor) === columns;
    const [a = '', b = ''] = node.input;
    const [result = ''] = add.output;
    if (!isRow) continue;
    editor.removeNode(add);
    editor.removeNode(node);
    editor.addNode(makeNode('Gemm', [a, b, bias], [result]));
    count++;
  }
  return count;
};
