import { elementCount, OnnxDataType, type GraphEditor, type NodeProto } from '../../formats/onnx';
import { weightLayout } from '../linear/weight-layout';

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
  /** The dimension along which the outputs lie. */
  readonly outputAxis: 0 | 1;
  readonly matrix: WeightMatrix;
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

function matrixOf(dims: readonly number[], outputAxis: 0 | 1): WeightMatrix {
  const [first = 0, second = 0, ...kernel] = dims;
  const taps = product(kernel);
  const row = second * taps;
  return outputAxis === 0
    ? { outputs: first, inputs: second, taps, outputStride: row, inputStride: taps }
    : { outputs: second, inputs: first, taps, outputStride: taps, inputStride: row };
}

/**
 * The weights of a model's convolutions and matrix products: constants of 32-bit floats, each once,
 * in the order of the nodes.
 */
export function weightTensors(editor: GraphEditor): WeightTensor[] {
  const found = new Map<string, WeightTensor & { nodes: NodeProto[] }>();
  for (const node of editor.nodes) {
    const [, name = ''] = node.input;
    const tensor = editor.constant(name);
    if (tensor?.dataType !== OnnxDataType.FLOAT || elementCount(tensor) === 0) continue;
    const layout = weightLayout(node, tensor.dims);
    if (!layout) continue;
    const outputAxis = layout.inputsFirst ? 1 : 0;
    const known = found.get(name);
    if (known) known.nodes.push(node);
    else {
      const matrix = matrixOf(tensor.dims, outputAxis);
      found.set(name, { name, nodes: [node], outputAxis, matrix });
    }
  }
  return [...found.values()];
}
