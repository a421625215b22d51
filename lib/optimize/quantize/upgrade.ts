import {
  findAttribute,
  intAttribute,
  intsAttribute,
  isStandard,
  makeInt64s,
  subgraphs,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';

/** The first version whose DequantizeLinear takes a scale for each channel. */
export const PER_CHANNEL_OPSET = 13;
/** The oldest version from which every other operator means the same in 13. */
const LEAST_OPSET = 11;

/** Attributes that became inputs in version 13. */
const INPUTS: Readonly<Record<string, string>> = {
  Squeeze: 'axes',
  Unsqueeze: 'axes',
  ReduceSum: 'axes',
  Split: 'split',
};
/** Operators that worked on a matrix of all dims before `axis` and all from it on. */
const FLATTENING = ['Softmax', 'LogSoftmax', 'Hardmax'] as const;

/** Of a softmax of old: whether it is over the last dimension alone, which is what 13 means. */
function isOverLastDim(editor: GraphEditor, node: NodeProto): boolean {
  const axis = intAttribute(node, 'axis', 1);
  if (axis === -1) return true;
  const type = editor.typeOf(node.input[0] ?? '') ?? editor.typeOf(node.output[0] ?? '');
  return type?.type?.tensorType?.shape?.dim.length === axis + 1;
}

/**
 * Brings a model's standard operators from version 11 or 12 to 13, if that can be done.
 *
 * @returns why it cannot; undefined where the model is of version 13 or newer now
 */
export function upgradeOpset(editor: GraphEditor): string | undefined {
  const opset = editor.opset();
  if (opset >= PER_CHANNEL_OPSET) return undefined;
  if (opset < LEAST_OPSET) return `its operators are of version ${opset}`;
  const nodes = editor.nodes.filter((node) => isStandard(node));
  if (nodes.some((node) => subgraphs(node).length > 0) || editor.model.functions.length > 0) {
    return 'it has graphs within its nodes';
  }
  if (nodes.some((node) => isStandard(node, 'Dropout') && findAttribute(node, 'ratio'))) {
    return 'it has a Dropout of old';
  }
  const flattening = nodes.filter((node) => isStandard(node, ...FLATTENING));
  const other = flattening.find((node) => !isOverLastDim(editor, node));
  if (other) return `a ${other.opType ?? ''} of old is over more than the last dimension`;
  for (const node of flattening) {
    node.attribute = node.attribute.filter(({ name }) => name !== 'axis');
  }
  for (const node of nodes) {
    const name = INPUTS[node.opType ?? ''];
    if (name === undefined || !findAttribute(node, name)) continue;
    const values = intsAttribute(node, name) ?? [];
    node.attribute = node.attribute.filter((attribute) => attribute.name !== name);
    const input = makeInt64s(`${node.output[0] ?? ''}_${name}`, values);
    editor.setInput(node, 1, editor.addInitializer(input));
  }
  editor.requireOpset('', PER_CHANNEL_OPSET);
  return undefined;
}
