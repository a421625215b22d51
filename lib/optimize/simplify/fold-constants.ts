import type { ElementType } from '../../engine/tensor/element-type';
import { isTensor, type Tensor } from '../../engine/tensor/tensor';
import {
  dataTypeBits,
  dataTypeOf,
  isStandard,
  makeTensor,
  OnnxDataType,
  subgraphs,
  tensorByteLength,
  type GraphEditor,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../formats/onnx';
import type { FoldOptions, PassContext } from './context';
import { knownSize } from './dims';
import { isDeterministic } from './operators';
import { withSession } from './runtime-model';

/** Pairs of these are what the runtime makes integer kernels of. */
const QUANTIZING = ['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'];
/** Operators whose result may be of any size, whatever their inputs are. */
const GROWING = [
  'ConstantOfShape',
  'Expand',
  'Tile',
  'Range',
  'OneHot',
  'EyeLike',
  'Pad',
  'Resize',
];

const mayFold = (node: NodeProto): boolean =>
  isDeterministic(node) &&
  ![...QUANTIZING, 'Constant'].includes(node.opType ?? '') &&
  node.output.every((name) => name !== '') &&
  subgraphs(node).length === 0;

/** Finds the nodes that depend on constants alone and whose results are not too large. */
class Foldable {
  readonly nodes: NodeProto[] = [];
  readonly constants = new Map<string, TensorProto>();
  readonly #made = new Set<string>();
  readonly #editor: GraphEditor;
  readonly #context: PassContext;
  readonly #growth: number;

  constructor(editor: GraphEditor, context: PassContext, growth: number) {
    this.#editor = editor;
    this.#context = context;
    this.#growth = growth;
    // A result may be what a node before it in the list needs.
    for (let before = -1; before !== this.nodes.length;) {
      before = this.nodes.length;
      for (const node of editor.nodes) this.#consider(node);
    }
  }

  #consider(node: NodeProto): void {
    if (!mayFold(node) || this.#made.has(node.output[0] ?? '')) return;
    const inputs = node.input.filter((name) => name !== '');
    const tensors = inputs.map((name) => this.#editor.constant(name));
    const isConstant = inputs.every((name, at) => tensors[at] ?? this.#made.has(name));
    if (!isConstant || tensors.some((tensor) => tensor?.dataType === OnnxDataType.STRING)) return;
    if (!this.#isSmall(node, inputs)) return;
    this.nodes.push(node);
    for (const name of node.output) this.#made.add(name);
    inputs.forEach((name, at) => {
      const tensor = tensors[at];
      if (tensor) this.constants.set(name, tensor);
    });
  }

  #isSmall(node: NodeProto, inputs: readonly string[]): boolean {
    const sizes = node.output.map((name) => this.#bytes(name));
    if (sizes.includes(undefined)) return !isStandard(node, ...GROWING);
    const result = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    const given = inputs.reduce((sum, name) => sum + (this.#bytes(name) ?? 0), 0);
    return result <= given + this.#growth;
  }

  #bytes(name: string): number | undefined {
    const tensor = this.#editor.constant(name);
    if (tensor) return tensorByteLength(tensor);
    const { types } = this.#context;
    const bits = dataTypeBits(types.elementType(name));
    const size = knownSize(types.dims(name));
    return bits === undefined || size === undefined ? undefined : (bits * size) / 8;
  }
}

/** A model of these nodes alone, whose outputs are what the rest of the graph takes from them. */
function modelOf(
  { model }: GraphEditor,
  { nodes, constants }: Foldable,
  outputs: readonly string[],
): ModelProto {
  const lists = { valueInfo: [], quantizationAnnotation: [], sparseInitializer: [] };
  const graph = {
    ...lists,
    name: 'constants',
    node: nodes,
    initializer: [...constants].map(([name, tensor]) => ({ ...tensor, name })),
    input: [],
    output: outputs.map((name) => ({ name, metadataProps: [] })),
    metadataProps: [],
  };
  const { irVersion = 8, opsetImport } = model;
  return { irVersion, opsetImport, graph, functions: [], metadataProps: [] };
}

/** Undefined for what no initializer of a known type can hold. */
function tensorOf(name: string, value: unknown): TensorProto | undefined {
  if (!isTensor(value)) return undefined;
  const { type, dims, data } = value as Tensor<ElementType>;
  const dataType = dataTypeOf(type);
  return dataType === undefined || !ArrayBuffer.isView(data)
    ? undefined
    : makeTensor(name, dataType, dims, data);
}

/**
 * Computes once what depends on constants alone, by the runtime itself.
 *
 * @returns how many nodes have become constants
 * @throws OnliteError where the runtime cannot compute them
 */
export async function foldConstants(
  editor: GraphEditor,
  context: PassContext,
  options: FoldOptions,
): Promise<number> {
  const foldable = new Foldable(editor, context, options.growth);
  const inside = new Set(foldable.nodes);
  const isNeeded = (name: string): boolean =>
    editor.isOutput(name) || editor.users(name).some((user) => !inside.has(user));
  const results = foldable.nodes.flatMap(({ output }) => output).filter(isNeeded);
  if (results.length === 0) return 0;
  const values = await withSession(modelOf(editor, foldable, results), options.session, (session) =>
    session.run({}),
  );
  const tensors = results.map((name) => tensorOf(name, values[name]));
  if (tensors.includes(undefined)) return 0;
  for (const node of foldable.nodes) editor.removeNode(node);
  for (const tensor of tensors) if (tensor) editor.setInitializer(tensor.name ?? '', tensor);
  return foldable.nodes.length;
}
