import {
  elementCount,
  intAttribute,
  isStandard,
  OnnxDataType,
  type GraphEditor,
  type NodeProto,
} from '../../formats/onnx';

/**
 * How the weights of a layer lie: element (output, input, tap) is at
 * `output · outputStride + input · inputStride + tap`, where the taps are those of one kernel.
 */
export interface WeightMatrix {
  readonly outputs: number;
  /** Inputs of one group. */
  readonly inputs: number;
  readonly taps: number;
  readonly outputStride: number;
  readonly inputStride: number;
}

/** A constant that layers multiply by. */
export interface WeightTensor {
  /** The initializer's name. */
  readonly name: string;
  /** The layers that use it. */
  readonly nodes: readonly NodeProto[];
  readonly matrix: WeightMatrix;
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** Undefined for weights that are no matrix of kernels. */
function matrixOf(node: NodeProto, dims: readonly number[]): WeightMatrix | undefined {
  const [first = 0, second = 0, ...kernel] = dims;
  if (dims.length < 2) return undefined;
  const taps = product(kernel);
  const outputsFirst = {
    outputs: first,
    inputs: second,
    taps,
    outputStride: second * taps,
    inputStride: taps,
  };
  const inputsFirst = {
    outputs: second,
    inputs: first,
    taps,
    outputStride: taps,
    inputStride: second * taps,
  };
  switch (node.opType) {
    case 'Conv':
      return outputsFirst;
    case 'ConvTranspose':
      return inputsFirst;
    case 'Gemm':
      return intAttribute(node, 'transB', 0) === 0 ? inputsFirst : outputsFirst;
    case 'MatMul':
      return kernel.length === 0 ? inputsFirst : undefined;
    default:
      return undefined;
  }
}

/**
 * The weights of a model's convolutions and matrix products: constants of 32-bit floats, each once,
 * in the order of the nodes.
 */
export function weightTensors(editor: GraphEditor): WeightTensor[] {
  const found = new Map<string, WeightTensor & { nodes: NodeProto[] }>();
  for (const node of editor.nodes) {
    if (!isStandard(node)) continue;
    const [, name = ''] = node.input;
    const tensor = editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT || elementCount(tensor) === 0) continue;
    const matrix = matrixOf(node, tensor.dims);
    if (!matrix) continue;
    const known = found.get(name);
    if (known) known.nodes.push(node);
    else found.set(name, { name, nodes: [node], matrix });
  }
  return [...found.values()];
}
