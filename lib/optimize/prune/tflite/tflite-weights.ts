import {
  calledSubgraphs,
  SubgraphEditor,
  type ModelT,
  type OperatorT,
} from '../../../formats/tflite';
import { operatorLabel } from '../../quantize/tflite/int8-plan';
import { LAYERS } from '../../quantize/tflite/int8-rules';
import type { LayerName, LayerWeights } from '../layer-weights';
import type { WeightMatrix } from '../weight-matrix';

/** A constant that operators multiply by. */
interface WeightTensor {
  readonly tensor: number;
  readonly operators: readonly OperatorT[];
  readonly outputAxis: number;
}

/** Undefined for dimensions that the operator does not take. */
function matrixOf(operator: string, dims: readonly number[]): WeightMatrix | undefined {
  const [outputs = 0, height = 0, width = 0, depth = 0] = dims;
  const taps = height * width;
  if (operator === 'FULLY_CONNECTED') {
    const common = { inputs: height, taps: 1, inputStride: 1, tapStride: 1 };
    return dims.length === 2 ? { ...common, outputs, outputStride: height } : undefined;
  }
  if (dims.length !== 4) return undefined;
  return operator === 'DEPTHWISE_CONV_2D'
    ? { outputs: depth, inputs: 1, taps, outputStride: 1, inputStride: 1, tapStride: depth }
    : {
        ...{ outputs, inputs: depth, taps },
        ...{ outputStride: taps * depth, inputStride: 1, tapStride: depth },
      };
}

/** The weights of a subgraph's layers: constants of 32-bit floats, each once. */
export function weightTensors(editor: SubgraphEditor): WeightTensor[] {
  const found = new Map<number, WeightTensor & { operators: OperatorT[] }>();
  for (const operator of editor.graph.operators) {
    const rule = LAYERS.get(editor.operatorName(operator));
    const index = operator.inputs[rule?.weight ?? -1] ?? -1;
    if (!rule || editor.graph.inputs.includes(index)) continue;
    const { shape = [] } = editor.tensor(index) ?? {};
    const isMatrix = matrixOf(editor.operatorName(operator), shape) !== undefined;
    if (!isMatrix || !editor.constantFloats(index)?.length) continue;
    const known = found.get(index);
    if (known) known.operators.push(operator);
    else found.set(index, { tensor: index, operators: [operator], outputAxis: rule.axis });
  }
  return [...found.values()];
}

/** The weights of the layers of all subgraphs that run. */
export function tfliteWeights(model: ModelT): LayerWeights[] {
  return calledSubgraphs(model).flatMap((subgraph) => {
    const editor = new SubgraphEditor(model, subgraph);
    return weightTensors(editor).flatMap((found): LayerWeights[] => {
      const tensor = editor.tensor(found.tensor);
      const layers = found.operators.map((operator): LayerName => ({
        node: operatorLabel(editor, operator),
        operator: editor.operatorName(operator),
      }));
      const { name = '', shape = [] } = tensor ?? {};
      const matrix = matrixOf(layers[0]?.operator ?? '', shape);
      if (!tensor || !matrix) return [];
      return [
        {
          name: subgraph === 0 ? name : `${subgraph}:${name}`,
          layers,
          outputAxis: found.outputAxis,
          matrix,
          values: () => editor.constantFloats(found.tensor) ?? new Float32Array(),
          replace: (values) => {
            const data = new Uint8Array(Float32Array.from(values).buffer);
            tensor.buffer = model.buffers.push({ data }) - 1;
          },
        },
      ];
    });
  });
}
