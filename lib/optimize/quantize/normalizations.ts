import { isStandard, type GraphEditor, type NodeProto } from '../../formats/onnx';
import { constantOperand, isRow, type ConstantInput } from '../linear/constant-input';
import { LinearLayer } from '../linear/linear-layer';

/** Channels that are scaled, and perhaps shifted, by constants before matrices take them. */
export interface Normalization {
  /** The value that the matrices take. */
  readonly value: string;
  readonly channels: number;
  readonly scale: ConstantInput;
  readonly shift?: ConstantInput;
  /** All that use the value. */
  readonly matrices: readonly LinearLayer[];
}

const NORMALIZATIONS = ['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'];

/**
 * Normalisations, and what exporters write in their place: a Mul by a constant, and an Add of one,
 * for each channel of the last axis. Left out are those whose value anything but MatMul and Gemm
 * with constant weights of their own uses: a residual connection, say.
 */
export function* findNormalizations(
  editor: GraphEditor,
  folder?: string,
): Generator<Normalization> {
  for (const node of editor.nodes) {
    const found = scaleOf(editor, node);
    if (!found || editor.isOutput(found.value)) continue;
    const matrices = editor
      .users(found.value)
      .map((user) => matrixOf(editor, user, found.value, folder));
    const [first] = matrices;
    if (!first) continue;
    const channels = first.layout.inputs;
    const fits = (matrix: LinearLayer | undefined): matrix is LinearLayer =>
      matrix?.layout.inputs === channels;
    const inputs = [found.scale, ...(found.shift ? [found.shift] : [])];
    if (!matrices.every(fits) || !inputs.every((input) => isRow(editor, input, channels))) continue;
    yield { ...found, channels, matrices };
  }
}

function scaleOf(
  editor: GraphEditor,
  node: NodeProto,
): Pick<Normalization, 'value' | 'scale' | 'shift'> | undefined {
  const [value = ''] = node.output;
  if (isStandard(node, ...NORMALIZATIONS)) {
    const scale = { node, index: 1 };
    return (node.input[2] ?? '') === ''
      ? { value, scale }
      : { value, scale, shift: { node, index: 2 } };
  }
  const scale = isStandard(node, 'Mul') ? constantOperand(editor, node) : undefined;
  if (!scale) return undefined;
  const next = editor.onlyUser(value);
  const shift = isStandard(next, 'Add') ? constantOperand(editor, next) : undefined;
  return shift ? { value: shift.node.output[0] ?? '', scale, shift } : { value, scale };
}

function matrixOf(
  editor: GraphEditor,
  user: NodeProto,
  value: string,
  folder: string | undefined,
): LinearLayer | undefined {
  if (user.input[0] !== value || user.input.lastIndexOf(value) !== 0) return undefined;
  const matrix = LinearLayer.of(editor, user, folder);
  return matrix?.layout.rank === 0 ? matrix : undefined;
}
