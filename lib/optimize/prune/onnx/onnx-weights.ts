import {
  elementCount,
  makeTensor,
  OnnxDataType,
  tensorValues,
  type GraphEditor,
  type NodeProto,
} from '../../../formats/onnx';
import { weightLayout } from '../../linear/weight-layout';
import { nodeLabel } from '../../quantize/decision';
import type { LayerWeights } from '../layer-weights';
import type { WeightMatrix } from '../weight-matrix';

/** A constant that nodes multiply by. */
export interface WeightTensor {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly outputAxis: 0 | 1;
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

function matrixOf(dims: readonly number[], outputAxis: 0 | 1): WeightMatrix {
  const [first = 0, second = 0, ...kernel] = dims;
  const taps = product(kernel);
  const row = second * taps;
  const common = { taps, tapStride: 1 };
  return outputAxis === 0
    ? { ...common, outputs: first, inputs: second, outputStride: row, inputStride: taps }
    : { ...common, outputs: second, inputs: first, outputStride: taps, inputStride: row };
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
    const known = found.get(name);
    if (known) known.nodes.push(node);
    else found.set(name, { name, nodes: [node], outputAxis: layout.inputsFirst ? 1 : 0 });
  }
  return [...found.values()];
}

/** @param folder - the model file's, for external data */
export function onnxWeights(editor: GraphEditor, folder?: string): LayerWeights[] {
  return weightTensors(editor).flatMap(({ name, nodes, outputAxis }): LayerWeights[] => {
    const tensor = editor.constant(name);
    if (!tensor) return [];
    const { dims } = tensor;
    return [
      {
        name,
        layers: nodes.map((node) => ({ node: nodeLabel(node), operator: node.opType ?? '' })),
        outputAxis,
        matrix: matrixOf(dims, outputAxis),
        values: () => Float32Array.from(tensorValues(tensor, OnnxDataType.FLOAT, folder)),
        replace: (values) => {
          editor.setInitializer(name, makeTensor(name, OnnxDataType.FLOAT, dims, values));
        },
      },
    ];
  });
}
