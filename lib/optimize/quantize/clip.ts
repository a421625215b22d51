import type { Quantization } from '../../engine/session/metadata';
import {
  floatAttribute,
  isStandard,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';

/** What a Relu or Clip leaves of its input; a bound that is computed is undefined. */
export type ClipBounds = readonly [lower: number | undefined, upper: number | undefined];

/** @param folder - the model file's, for external data */
export function clipBounds(editor: GraphEditor, node: NodeProto, folder?: string): ClipBounds {
  if (node.opType === 'Relu') return [0, Infinity];
  if (editor.opset() < 11) {
    return [floatAttribute(node, 'min', -Infinity), floatAttribute(node, 'max', Infinity)];
  }
  const bound = (index: number, none: number): number | undefined => {
    const name = node.input[index] ?? '';
    if (name === '') return none;
    const tensor = editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT) return undefined;
    return tensorValues(tensor, OnnxDataType.FLOAT, folder)[0];
  };
  return [bound(1, -Infinity), bound(2, Infinity)];
}

/** Relu, and Clip between constants of which none cuts 0 off: integers can end where these do. */
export function isClip(editor: GraphEditor, node: NodeProto, folder?: string): boolean {
  if (!isStandard(node, 'Relu', 'Clip')) return false;
  const [lower, upper] = clipBounds(editor, node, folder);
  return lower !== undefined && upper !== undefined && lower <= 0 && upper >= 0;
}

/** Whether the integers of a range end where a Relu or Clip does, to within half a step. */
export function endsAt(
  [lower = -Infinity, upper = Infinity]: ClipBounds,
  { scale: [scale = 1], zeroPoint: [zeroPoint = 0] }: Quantization,
  integers: { readonly min: number; readonly max: number },
): boolean {
  const [low, high] = [integers.min, integers.max].map((each) => (each - zeroPoint) * scale);
  const tolerance = 0.501 * scale;
  return (low ?? 0) >= lower - tolerance && (high ?? 0) <= upper + tolerance;
}
