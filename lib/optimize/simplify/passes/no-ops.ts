import {
  elementCount,
  intAttribute,
  integerValues,
  intsAttribute,
  isStandard,
  tensorValues,
  OnnxDataType,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../../formats/onnx';
import type { Pass, PassContext } from '../context';
import { sameDims } from '../dims';
import { realValuesOf } from '../weights';

type Test = (node: NodeProto, editor: GraphEditor, context: PassContext) => boolean;

/** Constants with more elements than this are not looked through. */
const MAX_ELEMENTS = 65_536;

const isConstantOf = (tensor: TensorProto | undefined, value: number): boolean => {
  if (!tensor || elementCount(tensor) > MAX_ELEMENTS) return false;
  const values = realValuesOf(tensor) ?? integerValues(tensor);
  return values?.every((element: number) => element === value) ?? false;
};

const keepsShape: Test = ({ input, output }, _editor, { types }) =>
  sameDims(types.dims(input[0]), types.dims(output[0]));

const hasOneInput: Test = ({ input }) => input.length === 1;

/** Dropout as it is when a model is used; its mask must not be. */
const isInference: Test = ({ input, output: [, mask = ''] }, editor) => {
  if (editor.isOutput(mask) || editor.users(mask).length > 0) return false;
  const [, , training = ''] = input;
  if (training === '') return true;
  const tensor = editor.constant(training);
  if (tensor?.dataType !== OnnxDataType.BOOL) return false;
  return tensorValues(tensor, OnnxDataType.BOOL)[0] === 0;
};

const castsToItself: Test = (node, _editor, { types }) =>
  types.elementType(node.input[0]) === intAttribute(node, 'to');

const keepsOrder: Test = (node) =>
  intsAttribute(node, 'perm')?.every((axis, index) => axis === index) ?? false;

const padsNothing: Test = ({ input }, editor) => isConstantOf(editor.constant(input[1]), 0);

const stepsByOne: Test = (node, editor, context) => {
  const [, , , , steps = ''] = node.input;
  const isPlain = steps === '' || isConstantOf(editor.constant(steps), 1);
  return isPlain && keepsShape(node, editor, context);
};

const hasOneOutput: Test = (node) => node.output.length === 1;

const looksAtOneElement: Test = (node, editor, context) => {
  const isAll = (name: string, value: number): boolean =>
    intsAttribute(node, name)?.every((size) => size === value) ?? true;
  const [, indices = ''] = node.output;
  return (
    indices === '' &&
    intsAttribute(node, 'kernel_shape') !== undefined &&
    isAll('kernel_shape', 1) &&
    isAll('strides', 1) &&
    isAll('pads', 0) &&
    keepsShape(node, editor, context)
  );
};

/** Whether one side of an arithmetic node is a constant that leaves the other as it is. */
const isNeutral =
  (value: number, at: number): Test =>
  (node, editor, context) => {
    const tensor = editor.constant(node.input[at]);
    if (!tensor) return false;
    const { types } = context;
    const other = node.input[1 - at];
    const rank = types.rank(other);
    const keeps =
      (elementCount(tensor) === 1 && rank !== undefined && tensor.dims.length <= rank) ||
      sameDims(types.dims(other), types.dims(node.output[0]));
    return keeps && isConstantOf(tensor, value);
  };

/** Operators that may do nothing: the input that they pass on, and when. */
const TESTS: Readonly<Record<string, readonly (readonly [input: number, Test])[]>> = {
  Identity: [[0, () => true]],
  Dropout: [[0, isInference]],
  Cast: [[0, castsToItself]],
  Transpose: [[0, keepsOrder]],
  Reshape: [[0, keepsShape]],
  Flatten: [[0, keepsShape]],
  Squeeze: [[0, keepsShape]],
  Unsqueeze: [[0, keepsShape]],
  Expand: [[0, keepsShape]],
  Tile: [[0, keepsShape]],
  Slice: [[0, stepsByOne]],
  Pad: [[0, padsNothing]],
  Concat: [[0, hasOneInput]],
  Sum: [[0, hasOneInput]],
  Mean: [[0, hasOneInput]],
  Max: [[0, hasOneInput]],
  Min: [[0, hasOneInput]],
  Clip: [[0, hasOneInput]],
  Split: [[0, hasOneOutput]],
  MaxPool: [[0, looksAtOneElement]],
  AveragePool: [[0, looksAtOneElement]],
  Add: [
    [0, isNeutral(0, 1)],
    [1, isNeutral(0, 0)],
  ],
  Sub: [[0, isNeutral(0, 1)]],
  Mul: [
    [0, isNeutral(1, 1)],
    [1, isNeutral(1, 0)],
  ],
  Div: [[0, isNeutral(1, 1)]],
};

/** Takes out nodes whose output is their input. */
export const noOps: Pass = (editor, context) => {
  let count = 0;
  for (const node of editor.nodes) {
    const tests = isStandard(node) ? TESTS[node.opType ?? ''] : undefined;
    const found = tests?.find(([, test]) => test(node, editor, context));
    if (found && editor.bypass(node, found[0])) count++;
  }
  return count;
};
