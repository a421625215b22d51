import {
  floatAttribute,
  intAttribute,
  isStandard,
  OnnxDataType,
  stringAttribute,
  type GraphEditor,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import { weightLayout } from '../linear/weight-layout';
import { isClip } from './clip';
import { decision, NO_INTEGER_KERNEL, type OperatorDecision } from './decision';

/** Operators whose integer kernels take different parameters on their ends. */
const ELEMENTWISE = new Set([
  'Add',
  'Mul',
  'AveragePool',
  'GlobalAveragePool',
  'LeakyRelu',
  'Sigmoid',
  'Concat',
]);
/** Operators that move integers: the parameters are the same on both ends. */
const MOVERS = new Set([
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Slice',
  'MaxPool',
  'Resize',
  'Split',
]);
/** Those of them that give the values that they take, no fewer, in another order at most. */
const REARRANGERS = new Set(['Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten']);
/** Operators with weights, which are what integers pay for. */
const LAYERS = new Set(['Conv', 'Gemm', 'MatMul']);
const NO_KERNEL = [
  'ConvTranspose',
  'Sub',
  'Div',
  'Tanh',
  'Erf',
  'Gelu',
  'HardSwish',
  'HardSigmoid',
  'Elu',
  'PRelu',
  'LayerNormalization',
  'InstanceNormalization',
  'BatchNormalization',
  'GRU',
  'RNN',
];
const NOT_FUSED = 'ONNX Runtime takes no pair of quantising and dequantising away from it';
/** Operators of which a quantised form is often expected, and why there is none. */
const STAYS_FLOAT: ReadonlyMap<string, string> = new Map([
  ...NO_KERNEL.map((type) => [type, NO_INTEGER_KERNEL] as const),
  ['DepthToSpace', NOT_FUSED],
  ['Pad', NOT_FUSED],
  ['LSTM', "its integer kernel is that of the method 'dynamic'"],
]);

/** A layer's weight and bias, as far as they are constants that integers can stand for. */
export interface LayerConstants {
  readonly weight: TensorProto;
  readonly bias?: TensorProto;
}

function layerConstants(editor: GraphEditor, node: NodeProto): LayerConstants | string {
  const [left, right, third] = node.input;
  if (editor.constant(left)) return 'its first input is a constant';
  const weight = editor.constant(right);
  if (!weight)
    return node.opType === 'MatMul' ? 'both inputs are activations' : 'its weight is no constant';
  if (weight.dataType !== OnnxDataType.FLOAT) return 'its weight is not float32';
  if (node.opType === 'MatMul') {
    return weightLayout(node, weight.dims) ? { weight } : 'its weight is no matrix';
  }
  if (node.opType === 'Gemm') {
    if (intAttribute(node, 'transA', 0) !== 0) return 'its first input is transposed';
    if (floatAttribute(node, 'alpha', 1) !== 1) return 'alpha is not 1';
  }
  if (third === undefined || third === '') return { weight };
  const bias = editor.constant(third);
  if (!bias) return 'its bias is no constant';
  if (bias.dataType !== OnnxDataType.FLOAT) return 'its bias is not float32';
  if (node.opType === 'Gemm') {
    if (floatAttribute(node, 'beta', 1) !== 1) return 'beta is not 1';
    const channels = weightLayout(node, weight.dims)?.outputs;
    if (bias.dims.at(-1) !== channels || bias.dims.slice(0, -1).some((dim) => dim !== 1)) {
      return 'its bias is not one value a channel';
    }
  }
  return { weight, bias };
}

/** The inputs that hold the node's real numbers. */
function dataInputs({ opType = '', input }: NodeProto): readonly string[] {
  if (opType === 'Add' || opType === 'Mul' || opType === 'Concat') return input;
  return input.slice(0, 1);
}

/** Whether an operator that is no layer can compute in integers, if its neighbours do. */
function canJoin(editor: GraphEditor, node: NodeProto, folder?: string): boolean {
  const type = node.opType ?? '';
  if (!ELEMENTWISE.has(type) && !MOVERS.has(type) && !isClip(editor, node, folder)) return false;
  if (!isStandard(node)) return false;
  if (dataInputs(node).some((name) => name === '' || editor.constant(name))) return false;
  if (type === 'MaxPool') return editor.opset() >= 12 && (node.output[1] ?? '') === '';
  if (type === 'Resize') return stringAttribute(node, 'mode', 'nearest') !== 'cubic';
  if (type === 'AveragePool') return intAttribute(node, 'ceil_mode', 0) === 0;
  return true;
}

/** What a model's static quantisation will be; no tensor has been looked at. */
export interface StaticPlan {
  readonly layers: ReadonlyMap<NodeProto, LayerConstants>;
  /** The activations that become integers, which calibration must know. */
  readonly tensors: ReadonlySet<string>;
  /** What computes in integers: the layers and operators between them. */
  readonly integers: ReadonlySet<NodeProto>;
  /** Those of the tensors that are there as integers only: their operators give nothing else. */
  readonly integersOnly: ReadonlySet<string>;
  /** Tensors that must have the parameters of another, by name; the other is in `tensors`. */
  readonly same: ReadonlyMap<string, string>;
  /** Of those, the ones that have the very values of the other, and so its range. */
  readonly rearranged: ReadonlySet<string>;
  readonly decisions: readonly OperatorDecision[];
}

export interface PlanOptions {
  /** Nodes by name (or first output) that stay float. */
  readonly exclude?: ReadonlySet<string>;
  readonly as: string;
  /** The model file's, for external data. */
  readonly folder?: string;
}

/**
 * Where a value goes on as integers: after a Relu or Clip that is all that uses it, else as it is.
 */
function quantisedOutput(editor: GraphEditor, name: string, folder?: string): string {
  const user = editor.onlyUser(name);
  return user && isClip(editor, user, folder) ? (user.output[0] ?? name) : name;
}

/** Nodes from which `start` can be reached over candidates, `start` not included. */
function reach(
  start: Iterable<NodeProto>,
  next: (node: NodeProto) => readonly NodeProto[],
  candidates: ReadonlySet<NodeProto>,
): Set<NodeProto> {
  const found = new Set<NodeProto>();
  const open = [...start];
  for (let node = open.pop(); node; node = open.pop()) {
    for (const other of next(node)) {
      if (candidates.has(other) && !found.has(other)) {
        found.add(other);
        open.push(other);
      }
    }
  }
  return found;
}

/**
 * Decides what of a float model computes in integers: the layers with constant weights, and the
 * operators between them that have integer kernels. What lies at the ends, or has no integer
 * kernel, stays float without a conversion around it.
 */
export function planStatic(editor: GraphEditor, { exclude, as, folder }: PlanOptions): StaticPlan {
  const layers = new Map<NodeProto, LayerConstants>();
  const decisions: OperatorDecision[] = [];
  const candidates = new Set<NodeProto>();
  for (const node of editor.nodes) {
    const type = node.opType ?? '';
    const keep = decision(node, { reason: 'it was to stay float' });
    if (exclude?.has(keep.node)) {
      decisions.push(keep);
    } else if (isStandard(node) && LAYERS.has(type)) {
      const found = layerConstants(editor, node);
      if (typeof found === 'string') decisions.push(decision(node, { reason: found }));
      else layers.set(node, found);
    } else if (canJoin(editor, node, folder)) {
      candidates.add(node);
    } else {
      const reason = STAYS_FLOAT.get(type);
      if (reason !== undefined) decisions.push(decision(node, { reason }));
    }
  }
  const users = (node: NodeProto): readonly NodeProto[] =>
    node.output.flatMap((name) => editor.users(name));
  const producers = (node: NodeProto): readonly NodeProto[] =>
    dataInputs(node).flatMap((name) => editor.producer(name) ?? []);
  const after = reach(layers.keys(), users, candidates);
  const before = reach(layers.keys(), producers, candidates);
  const joined = new Set([...candidates].filter((node) => after.has(node) && before.has(node)));
  for (const node of candidates) {
    if (!joined.has(node) && ELEMENTWISE.has(node.opType ?? '')) {
      decisions.push(decision(node, { reason: 'it does not lie between integer layers' }));
    }
  }
  const tensors = new Set<string>();
  const integersOnly = new Set<string>();
  const same = new Map<string, string>();
  const rearranged = new Set<string>();
  const integers = new Set(
    [...layers.keys(), ...joined].filter((node) => !isClip(editor, node, folder)),
  );
  for (const node of integers) {
    for (const name of dataInputs(node)) tensors.add(name);
    if (node.opType === 'MatMul' || node.opType === 'Gemm') continue;
    for (const name of node.output) {
      if (name === '') continue;
      const output = quantisedOutput(editor, name, folder);
      tensors.add(output);
      integersOnly.add(output);
      if (!MOVERS.has(node.opType ?? '')) continue;
      same.set(output, node.input[0] ?? '');
      // A Relu or Clip behind it leaves other values.
      if (REARRANGERS.has(node.opType ?? '') && output === name) rearranged.add(output);
    }
  }
  for (const node of integers) decisions.push(decision(node, { as }));
  return { layers, integers, tensors, integersOnly, same, rearranged, decisions };
}
