import {
  elementCount,
  floatAttribute,
  intAttribute,
  isStandard,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';
import { constantOperand, isRow, type ConstantInput } from './constant-input';
import { ScaledWeights } from './scaled-weights';
import { weightLayout, type WeightLayout } from './weight-layout';

/** The constant weights of a Conv, Gemm or MatMul. */
export class LinearLayer extends ScaledWeights {
  readonly node: NodeProto;

  private constructor(node: NodeProto, layout: WeightLayout, read: () => Float32Array) {
    super(layout, read);
    this.node = node;
  }

  /**
   * Undefined for other operators, for weights that are computed, shared with other nodes or not
   * of 32-bit floats, for matrices of more than two dimensions, and where the input is transposed.
   *
   * @param folder - the model file's, for external data
   */
  static of(editor: GraphEditor, node: NodeProto, folder?: string): LinearLayer | undefined {
    if (!isStandard(node, 'Conv', 'Gemm', 'MatMul')) return undefined;
    if (intAttribute(node, 'transA', 0) !== 0) return undefined;
    const name = node.input[1];
    const tensor = editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT || elementCount(tensor) === 0) return undefined;
    const layout = weightLayout(node, tensor.dims);
    if (!layout || editor.onlyUser(name) !== node) return undefined;
    return new LinearLayer(node, layout, () => tensorValues(tensor, OnnxDataType.FLOAT, folder));
  }
}

/**
 * The constant for each channel that is added to what a layer makes: a Conv's or a Gemm's own, or
 * that of an Add behind a MatMul.
 */
export function biasOf(
  editor: GraphEditor,
  { node, layout }: LinearLayer,
): ConstantInput | undefined {
  const next = node.opType === 'MatMul' ? editor.onlyUser(node.output[0]) : undefined;
  const own = isPlain(node) ? { node, index: 2 } : undefined;
  const bias = isStandard(next, 'Add') ? constantOperand(editor, next) : own;
  return bias && isRow(editor, bias, layout.outputs) ? bias : undefined;
}

/** Whether a node adds its third input, as it is, to a product that is as it is. */
export function isPlain(node: NodeProto): boolean {
  if (node.opType !== 'Gemm') return node.opType === 'Conv';
  return floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
}
