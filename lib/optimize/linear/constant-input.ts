import { OnliteError } from '../../errors';
import {
  elementCount,
  makeTensor,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';

/** A constant input of a node: 32-bit floats. */
export interface ConstantInput {
  readonly node: NodeProto;
  readonly index: number;
}

/** The elements of a node's constant input; `folder` is the model file's, for external data. */
export function constantFloats(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  folder?: string,
): Float32Array {
  const name = node.input[index] ?? '';
  const tensor = editor.constant(name);
  if (!tensor) throw new OnliteError('ERR_MODEL_INVALID', `'${name}' is no constant`);
  return tensorValues(tensor, OnnxDataType.FLOAT, folder);
}

/** Gives a node other values for a constant input; other nodes that use the constant keep theirs. */
export function replaceFloats(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  values: Float32Array,
): void {
  const name = node.input[index] ?? '';
  const dims = editor.constant(name)?.dims ?? [values.length];
  replaceConstant(editor, { node, index }, makeTensor(name, OnnxDataType.FLOAT, dims, values));
}

/** Gives a node another constant input; other nodes that use the constant keep it. */
export function replaceConstant(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  tensor: TensorProto,
): void {
  const name = node.input[index] ?? '';
  if (editor.onlyUser(name) === node && !editor.producer(name)) editor.setInitializer(name, tensor);
  else editor.setInput(node, index, editor.addInitializer(tensor));
}

/** Whether a node's input is a constant with one element for each channel of the last axis. */
export function isRow(
  editor: GraphEditor,
  { node, index }: ConstantInput,
  channels: number,
): boolean {
  const tensor = editor.constant(node.input[index]);
  return (
    tensor?.dataType === OnnxDataType.FLOAT &&
    tensor.dims.at(-1) === channels &&
    elementCount(tensor) === channels
  );
}

/** The constant that a node of two operands has beside a computed value. */
export function constantOperand(editor: GraphEditor, node: NodeProto): ConstantInput | undefined {
  const index = node.input.findIndex((name) => editor.constant(name) !== undefined);
  return index < 0 ? undefined : { node, index };
}
