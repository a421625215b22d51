import {
  intsAttribute,
  isStandard,
  makeInt64s,
  makeNode,
  type GraphEditor,
  type NodeProto,
} from '../../../formats/onnx';
import type { Pass, PassContext } from '../context';
import { reshapeTarget } from '../dims';

const UNARY = [
  'Abs',
  'Ceil',
  'Cast',
  'Clip',
  'Elu',
  'Erf',
  'Exp',
  'Floor',
  'Gelu',
  'HardSigmoid',
  'HardSwish',
  'LeakyRelu',
  'Log',
  'Mish',
  'Neg',
  'Not',
  'Reciprocal',
  'Relu',
  'Round',
  'Selu',
  'Sigmoid',
  'Sign',
  'Softplus',
  'Softsign',
  'Sqrt',
  'Tanh',
  'ThresholdedRelu',
];
const BINARY = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow'];
const RESHAPES = ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'];

/** The permutation of a Transpose that says it. */
const permOf = (node: NodeProto | undefined): number[] | undefined =>
  isStandard(node, 'Transpose') ? intsAttribute(node, 'perm') : undefined;

const transpose = (input: string, output: string, perm: readonly number[]): NodeProto =>
  makeNode('Transpose', [input], [output], { attributes: { perm: perm.map(BigInt) } });

/** Makes one Transpose, or none, of two in a row. */
function merge(second: NodeProto, editor: GraphEditor): boolean {
  const first = editor.producer(second.input[0]);
  const [outer, inner] = [permOf(second), permOf(first)];
  if (!first || outer?.length !== inner?.length || !outer || !inner) return false;
  const perm = outer.map((axis) => inner[axis] ?? 0);
  const [source = ''] = first.input;
  const [result = ''] = second.output;
  const cancels = perm.every((axis, index) => axis === index);
  if (!cancels && editor.onlyUser(first.output[0]) !== second) return false;
  editor.removeNode(second);
  editor.addNode(
    cancels ? makeNode('Identity', [source], [result]) : transpose(source, result, perm),
  );
  return true;
}

/** Has a node work on what a Transpose before it is given, and transposes its result. */
function moveAfter(
  node: NodeProto,
  inputs: readonly string[],
  perm: readonly number[],
  editor: GraphEditor,
): void {
  const [result = ''] = node.output;
  const before = editor.uniqueName(`${result}_before_transpose`);
  editor.setInputs(node, inputs);
  editor.setOutput(node, 0, before);
  editor.addNode(transpose(before, result, perm));
}

function passUnary(node: NodeProto, editor: GraphEditor): boolean {
  const first = editor.producer(node.input[0]);
  const perm = permOf(first);
  if (!isStandard(node, ...UNARY) || !first || !perm) return false;
  if (editor.onlyUser(first.output[0]) !== node) return false;
  moveAfter(node, [first.input[0] ?? '', ...node.input.slice(1)], perm, editor);
  return true;
}

/** What stands for a side of a binary node before a Transpose: its input, or a constant of one element. */
function beforeTranspose(
  name: string,
  node: NodeProto,
  perm: readonly number[],
  editor: GraphEditor,
): string | undefined {
  const first = editor.producer(name);
  const own = permOf(first);
  if (first && own?.join() === perm.join() && editor.onlyUser(name) === node) return first.input[0];
  const dims = editor.constant(name)?.dims;
  return dims && dims.length <= perm.length && dims.every((dim) => dim === 1) ? name : undefined;
}

function passBinary(node: NodeProto, editor: GraphEditor): boolean {
  if (!isStandard(node, ...BINARY) || node.input.length !== 2) return false;
  const perms = node.input.map((name) => permOf(editor.producer(name)));
  const perm = perms[0] ?? perms[1];
  if (!perm) return false;
  const inputs = node.input.map((name) => beforeTranspose(name, node, perm, editor));
  if (inputs.includes(undefined)) return false;
  moveAfter(node, inputs as string[], perm, editor);
  return true;
}

/** Makes a Reshape of a Transpose that moves dims of one element only, where another is beside it. */
function reshapeInstead(node: NodeProto, editor: GraphEditor, { types }: PassContext): boolean {
  const perm = permOf(node);
  const [source = ''] = node.input;
  const [result = ''] = node.output;
  const [from, to] = [types.dims(source), types.dims(result)];
  const isBeside =
    isStandard(editor.producer(source), ...RESHAPES) ||
    isStandard(editor.onlyUser(result), ...RESHAPES);
  if (!perm || !from || !isBeside) return false;
  const moved = perm.filter((axis) => from[axis] !== 1);
  const keepsOrder = moved.every((axis, index) => index === 0 || axis > (moved[index - 1] ?? 0));
  const target = keepsOrder ? reshapeTarget(from, to) : undefined;
  if (!target) return false;
  editor.removeNode(node);
  const shape = editor.addInitializer(makeInt64s(`${result}_shape`, target));
  editor.addNode(makeNode('Reshape', [source, shape], [result]));
  return true;
}

/** Brings Transposes together, behind elementwise operators, and has them cancel each other. */
export const transposes: Pass = (editor, context) => {
  let count = 0;
  for (const node of editor.nodes) {
    if (!editor.has(node)) continue;
    const isChanged = permOf(node)
      ? merge(node, editor) || reshapeInstead(node, editor, context)
      : passUnary(node, editor) || passBinary(node, editor);
    if (isChanged) count++;
  }
  return count;
};
