import {
  intAttribute,
  isStandard,
  makeInt64s,
  makeTensor,
  OnnxDataType,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../../formats/onnx';
import type { Pass, PassContext } from '../context';
import { ShapeValues, type Size } from '../shape-values';

const { INT64, INT32 } = OnnxDataType;

const areNumbers = (sizes: readonly Size[]): sizes is readonly number[] =>
  sizes.every((size) => typeof size === 'number');

/** A value that is known before the model runs, as a constant. */
function knownTensor(
  name: string,
  values: ShapeValues,
  { types }: PassContext,
): TensorProto | undefined {
  const type = types.elementType(name);
  const dims = types.fixedDims(name);
  if (!dims || (type !== INT64 && type !== INT32)) return undefined;
  const sizes = values.of(name);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (sizes?.length !== count || !areNumbers(sizes)) return undefined;
  return type === INT64
    ? makeInt64s(name, sizes, dims)
    : makeTensor(name, INT32, dims, Int32Array.from(sizes));
}

/**
 * What a Reshape may take for its target: 0 where a size stays where it is, -1 for one that is not
 * known before the model runs.
 */
function constantTarget(
  target: readonly Size[],
  from: readonly Size[] | undefined,
): number[] | undefined {
  const sizes = target.map((size, index) => {
    if (typeof size === 'number') return size;
    return from?.[index] === size ? 0 : -1;
  });
  return sizes.filter((size) => size === -1).length > 1 ? undefined : sizes;
}

/** Gives a Reshape a constant for a target that was computed from shapes. */
function fixTarget(node: NodeProto, editor: GraphEditor, values: ShapeValues): boolean {
  const [data = '', shape = ''] = node.input;
  if (editor.constant(shape) || intAttribute(node, 'allowzero', 0) !== 0) return false;
  const target = values.of(shape);
  const sizes = target && constantTarget(target, values.dims(data));
  if (!sizes) return false;
  editor.setInput(node, 1, editor.addInitializer(makeInt64s(`${data}_shape`, sizes)));
  return true;
}

/** Whether an Expand gives its input as it is. */
function expandsNothing(node: NodeProto, values: ShapeValues): boolean {
  const dims = values.dims(node.input[0] ?? '');
  const shape = values.of(node.input[1]);
  if (!dims || !shape || shape.length > dims.length) return false;
  const skipped = dims.length - shape.length;
  return shape.every((size, index) => size === 1 || size === dims[skipped + index]);
}

/** Has constants in the place of what is computed from shapes, where these are known in part. */
export const shapeArithmetic: Pass = (editor, context) => {
  const values = new ShapeValues(editor, context);
  let count = 0;
  for (const node of editor.nodes) {
    if (!isStandard(node) || node.opType === 'Constant') continue;
    if (node.opType === 'Reshape' && fixTarget(node, editor, values)) count++;
    else if (node.opType === 'Expand' && expandsNothing(node, values)) {
      if (editor.bypass(node)) count++;
    } else if (node.output.length === 1) {
      const tensor = knownTensor(node.output[0] ?? '', values, context);
      if (!tensor) continue;
      editor.setInitializer(tensor.name ?? '', tensor);
      count++;
    }
  }
  return count;
};
